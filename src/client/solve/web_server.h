/* A web server that runs already and is made to answer http-01 for a while: one file for
 * each kind (nginx_server.c, apache_server.c), and what they share. */
#pragma once

#include "client/solve/solve.h"
#include "client/solve/web_edit.h"
#include "core/net/address.h"

#define WEB_SERVER_PLACES_MAX 16 /* addresses that are asked whether it answers */
#define WEB_SERVER_TEST_MS    60000

/* What is to be answered, and what that takes. */
struct web_server {
    const char *title;  /* "nginx" */
    const char *config; /* main file; "": the usual */
    struct arena *arena;
    int runner; /* socket to the one that runs programs */
    uint16_t port;
    const struct solve_task *tasks;
    size_t task_count;

    /* found by web_server_find: */
    const char *main_file;
    const struct web_piece *pieces;
    size_t piece_count;
    struct address places[WEB_SERVER_PLACES_MAX]; /* where it will answer */
    size_t place_count;

    const struct web_server_kind *kind;
    void *state; /* of the kind */
};

struct web_server_kind {
    const char *title;
    /* Find pieces and places. ERR_CONFIG, ERR_NOT_FOUND (no such program), ERR_IO. */
    enum err (*find)(struct web_server *w, struct err_info *why);
    /* All files of its configuration that `find` may want changed, NULL behind the last.
     * As find. */
    enum err (*list)(struct web_server *w, const char *const **files,
                     struct err_info *why);
    /* Test the configuration, then have it read again. ERR_CONFIG. */
    enum err (*reload)(struct web_server *w, struct err_info *why);
};

extern const struct web_server_kind nginx_server_kind;
extern const struct web_server_kind apache_server_kind;

/* What "nginx", "apache", "nginx:FILE" or "apache:FILE" means; false if it is neither. */
bool web_server_read(const char *way, const struct web_server_kind **kind,
                     const char **config);

/* The path of the URL that a CA asks for that token. */
const char *web_server_path(struct arena *a, const char *token);

/* As run_program for a program that must succeed; the first of `programs` that is there
 * gets the arguments. `*output` gets its standard output and error, one behind the
 * other. ERR_CONFIG with the last line it wrote, ERR_NOT_FOUND. */
MUST_CHECK enum err web_server_run(struct web_server *w, const char *const *programs,
                                   const char *const *arguments, struct span *output,
                                   struct err_info *why);

/* Does the process run whose number is in that file? */
bool web_server_runs(const char *pid_file);

/* Nobody else of cairn changes that server's files meanwhile: a lock on the folder of the
 * main file, to be closed. ERR_IO. */
MUST_CHECK enum err web_server_lock(const char *main_file, int *lock,
                                    struct err_info *why);

/* Undo what runs that were killed left in files of web servers, and have the servers
 * read them again: a step of the report for each. Failures are warnings and tried again
 * next time. Returns how many were undone. */
int web_server_recover(const char *directory, int runner, const struct report *report);
