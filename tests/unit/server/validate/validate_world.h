/* A validator with a DNS server and a web server of these tests, on loopback. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "server/validate/validate.h"

#define TOKEN       "token-0123456789abcdef"
#define PROOF       TOKEN ".thumbprint"
#define DIGEST_HEAD "lK9Vn-sSPKWY5xdO_hCOA" /* of PROOF, by openssl */
#define DIGEST_TAIL "USYlj4iPfEMfWUeRXItHVM"
#define PERSIST     "ca.test; accounturi=https://ca.test/1"
#define HTTP_OK     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define FEW_SECONDS 5000

#define CAA_NODES_MAX 3

/* A name with CAA records; all others have none. */
struct caa_node {
    const char *name;
    uint8_t rcode;          /* instead of records */
    bool silent;            /* no answer at all */
    bool malformed;         /* a record that is none */
    bool once;              /* the trouble is over after the first question */
    bool alias;             /* of the same with "x." in front, nothing else */
    const char *records[4]; /* "issue ca.test"; "!issue ca.test" is critical */
};

struct world {
    struct loop *loop;
    struct validator *validator;
    struct validate_options options;
    struct validate_view view; /* the only one */
    struct address_network allowed;
    int dns;
    int web;
    pthread_t dns_thread;
    pthread_t web_thread;
    pthread_mutex_t answering; /* held by the DNS server */
    enum challenge_type type;
    const char *answer; /* of the web server */
    const char *then;   /* from the second request of a check on; NULL: the same */
    atomic_int visits;  /* of the web server, since a check began */
    atomic_int asked;   /* by DNS */
    struct caa_node caa[CAA_NODES_MAX]; /* by validate_world_caa */
    size_t caa_count;
    atomic_int caa_asked;
    /* the last verdict */
    int verdicts;
    bool valid;
    int64_t until;
    enum err code;
    char detail[1024];
    char record[VALIDATE_RECORD_MAX + 1];
    int troubles; /* before it */
};

int validate_world_set_up(void **state);
int validate_world_tear_down(void **state);

/* Begin a check; the loop stops after the verdict of the last one. */
void validate_world_ask(struct world *w, const struct validate_question *q);

/* From now on, these names have CAA records; the names are not copied. Questions that
 * were given up may still be answered, so nothing else changes what is answered. */
void validate_world_caa(struct world *w, const struct caa_node *nodes, size_t count);

/* Nothing was asked yet, by DNS. */
void validate_world_forget_asked(struct world *w);

/* Were all questions so far about CAA? */
bool validate_world_asked_caa_only(struct world *w);

/* Of that name, by w->type. */
void validate_world_begin(struct world *w, const char *name);

/* The same, and run the loop until the verdict is there. */
void validate_world_check(struct world *w, const char *name);
