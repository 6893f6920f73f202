/* What may stand at the cursor. */
#include "client/command/completion.h"

#include <string.h>

#include "client/command/place.h"
#include "client/dns/dns_provider.h"
#include "client/solve/solve_choose.h"
#include "completion_scripts.h"

/* A command line that is being typed. */
struct completion {
    struct arena *arena;
    const struct cli_program *program;
    const char *const *words; /* without the program's name */
    size_t count;             /* with the one at the cursor */
    const char *current;      /* that one, or of "--x=y" the part behind the sign */
    const char *before;       /* "--x=", else "" */
    struct buf *out;
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void offer(struct completion *c, const char *word, const char *sentence)
{
    if (begins(word, c->current))
        buf_printf(c->out, "%s%s\t%s\n", c->before, word, sentence);
}

/* ---- words from outside the tables ---- */

/* The value that an option has on the line already; NULL. */
static const char *value_of(const struct completion *c, const char *option)
{
    size_t len = strlen(option);

    for (size_t i = 0; i + 1 < c->count; i++) {
        if (strcmp(c->words[i], option) == 0 && i + 2 < c->count)
            return c->words[i + 1];
        if (begins(c->words[i], option) && c->words[i][len] == '=')
            return c->words[i] + len + 1;
    }
    return NULL;
}

static bool is_typed(const struct completion *c, const char *word)
{
    for (size_t i = 0; i + 1 < c->count; i++)
        if (strcmp(c->words[i], word) == 0)
            return true;
    return false;
}

/* cairn.yaml, if it can be read just now; else what is known without it. */
static bool read_place(struct completion *c, struct place *p)
{
    const struct client_command line = {.arena = c->arena,
                                        .config = value_of(c, "--config"),
                                        .directory = value_of(c, "--dir")};
    struct err_info ignored = {0};

    if (place_look(&line, p, &ignored) == ERR_OK)
        return true;
    return settings_defaults(c->arena, &p->settings, &ignored) == ERR_OK &&
           client_command_directory(&line, &p->settings, &p->directory, &ignored) ==
               ERR_OK;
}

static void offer_certificates(struct completion *c)
{
    const struct client_command all = {.arena = c->arena};
    struct place_names names;
    struct place place;
    struct err_info ignored = {0};

    if (!read_place(c, &place) ||
        place_certificates(&all, &place, &names, &ignored) != ERR_OK)
        return;
    for (size_t i = 0; i < names.count; i++)
        if (!is_typed(c, names.items[i]))
            offer(c, names.items[i], "");
}

static void offer_authorities(struct completion *c)
{
    struct place place;

    if (!read_place(c, &place))
        return;
    for (size_t i = 0; i < place.settings.cas.count; i++) {
        const struct settings_ca *ca = place.settings.cas.members[i];
        offer(c, ca->name, ca->directory);
    }
}

/* ---- values ---- */

static const struct {
    const char *of;
    const char *words;
    const char *open;
    bool several;
} values[] = {
#define VALUES(of, words, open) {of, words, open, false},
#define ITEMS(of, words, open)  {of, words, open, true},
#include "client/command/completion_values.def"
#undef VALUES
#undef ITEMS
};

static void offer_behind(struct completion *c, const char *head, const char *word)
{
    offer(c, arena_printf(c->arena, "%s%s", head, word), "");
}

static void offer_keys(struct completion *c, const char *head)
{
#define KEY(name, ...) offer_behind(c, head, name);
#include "client/settings/key_types.def"
#undef KEY
}

static void offer_challenges(struct completion *c, const char *head)
{
    struct challenge_list all = {0};

    solve_choose_all(&all);
    for (size_t i = 0; i < all.count; i++)
        offer_behind(c, head, terms_challenge_type(all.types[i]));
}

/* Names of members of a section of cairn.yaml, which each begins with. */
static void offer_members(struct completion *c, const struct config_group *group,
                          const char *head)
{
    for (size_t i = 0; i < group->count; i++)
        offer_behind(c, head, *(const char *const *)group->members[i]);
}

static void offer_dns(struct completion *c, const char *head)
{
    struct place place;

    if (read_place(c, &place))
        offer_members(c, &place.settings.dns, head);
}

static void offer_deployments(struct completion *c, const char *head)
{
    struct place place;

    if (read_place(c, &place))
        offer_members(c, &place.settings.deployments, head);
}

static void offer_providers(struct completion *c, const char *head)
{
#define PROVIDER(member, parallel) offer_behind(c, head, dns_provider_##member.name);
#include "client/dns/providers.def"
#undef PROVIDER
}

static void offer_targets(struct completion *c, const char *head)
{
#define TARGET(name, units, option, test, reload, runs, reasons)                         \
    offer_behind(c, head, name);
#include "client/deploy/targets.def"
#undef TARGET
}

static const struct {
    const char *name;
    void (*offer)(struct completion *c, const char *head);
} sources[] = {
    {"@keys", offer_keys},
    {"@challenges", offer_challenges},
    {"@dns", offer_dns},
    {"@deployments", offer_deployments},
    {"@providers", offer_providers},
    {"@targets", offer_targets},
};

/* Words of the table, each behind what is typed already of several. */
static void offer_words(struct completion *c, const char *words, const char *head)
{
    while (*words != '\0') {
        size_t len = strcspn(words, " ");
        const char *word = arena_printf(c->arena, "%.*s", (int)len, words);
        if (word[0] != '@')
            offer_behind(c, head, word);
        for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
            if (strcmp(sources[i].name, word) == 0)
                sources[i].offer(c, head);
        words += len + (words[len] == ' ');
    }
}

/* "webroot:" and then a folder: what is behind a colon is a file or folder. */
static bool offer_behind_colon(struct completion *c, const char *open)
{
    const char *colon = strchr(c->current, ':');

    if (colon == NULL)
        return false;
    if (strstr(open, "webroot:") == NULL)
        return true;
    if (begins(c->current, "webroot:") || begins(c->current, "tokens:"))
        buf_add_text(c->out, ":folders\n");
    else if (begins(c->current, "hook:") || begins(c->current, "uacme:"))
        buf_add_text(c->out, ":files\n");
    return true;
}

/* Those of a table; false if it has none. */
static bool offer_values(struct completion *c, const char *of)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(values[i].of, of) != 0)
            continue;
        if (offer_behind_colon(c, values[i].open))
            return true;
        const char *comma = values[i].several ? strrchr(c->current, ',') : NULL;
        const char *head = comma == NULL
                               ? ""
                               : arena_printf(c->arena, "%.*s",
                                              (int)(comma + 1 - c->current), c->current);
        offer_words(c, values[i].words, head);
        offer_words(c, values[i].open, head);
        return true;
    }
    return false;
}

/* By what a value is called. */
static void offer_named(struct completion *c, const char *value)
{
    if (offer_values(c, value))
        return;
    if (strcmp(value, "FILE") == 0 || strcmp(value, "PROGRAM") == 0)
        buf_add_text(c->out, ":files\n");
    else if (strcmp(value, "DIR") == 0 || strcmp(value, "FOLDER") == 0)
        buf_add_text(c->out, ":folders\n");
    else if (strcmp(value, "CA") == 0)
        offer_authorities(c);
    else if (strcmp(value, "CERTIFICATE") == 0)
        offer_certificates(c);
}

/* ---- commands, options, arguments ---- */

/* The commands that begin with these words, or the words that follow them. */
static void offer_commands(struct completion *c, const char *first)
{
    const struct cli_program *p = c->program;
    size_t len = first != NULL ? strlen(first) : 0;
    const char *last = "";

    for (size_t i = 0; i < p->command_count; i++) {
        const char *name = p->commands[i].name;
        const char *space = strchr(name, ' ');
        if (first != NULL && begins(name, first) && name[len] == ' ') {
            offer(c, name + len + 1, p->commands[i].sentence);
        } else if (first == NULL && space == NULL) {
            offer(c, name, p->commands[i].sentence);
            last = name;
        } else if (first == NULL) {
            const char *noun = arena_printf(c->arena, "%.*s", (int)(space - name), name);
            if (strcmp(noun, last) != 0)
                offer(c, noun, "more than one command");
            last = noun;
        }
    }
}

static const struct cli_option *find_option(const struct completion *c,
                                            const struct cli_command *command,
                                            const char *word)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < c->program->options->count; i++) {
        const struct cli_option *o = &c->program->options->options[i];
        if (strlen(o->name) == len && strncmp(o->name, word, len) == 0 &&
            cli_takes(c->program->options, command->name, o->name))
            return o;
    }
    return NULL;
}

static bool is_given(const struct completion *c, const struct cli_option *o)
{
    size_t len = strlen(o->name);

    for (size_t i = 0; i + 1 < c->count; i++)
        if (begins(c->words[i], o->name) &&
            (c->words[i][len] == '\0' || c->words[i][len] == '='))
            return o->kind != CLI_LIST;
    return false;
}

static void offer_options(struct completion *c, const struct cli_command *command)
{
    for (size_t i = 0; i < c->program->options->count; i++) {
        const struct cli_option *o = &c->program->options->options[i];
        if (find_option(c, command, o->name) == o && !is_given(c, o))
            offer(c, o->name, o->sentence);
    }
}

static void offer_option_value(struct completion *c, const struct cli_option *o)
{
    if (!offer_values(c, o->name))
        offer_named(c, o->argument);
}

/* "[NAME...]", "CERTIFICATE", "certbot [FOLDER]": the first word in capitals says it. */
static void offer_arguments(struct completion *c, const struct cli_command *command)
{
    const char *from =
        command->arguments + strcspn(command->arguments, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    size_t len = strspn(from, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    offer_named(c, arena_printf(c->arena, "%.*s", (int)len, from));
}

static void offer_of_command(struct completion *c, const struct cli_command *command,
                             size_t used)
{
    const struct cli_option *waiting = NULL; /* for its value */
    bool options_over = false;

    for (size_t i = used; i + 1 < c->count; i++) {
        const char *word = c->words[i];
        const struct cli_option *o =
            options_over || waiting != NULL ? NULL : find_option(c, command, word);
        options_over = options_over || (waiting == NULL && strcmp(word, "--") == 0);
        waiting =
            o != NULL && o->kind != CLI_FLAG && strchr(word, '=') == NULL ? o : NULL;
    }
    const char *equals = strchr(c->current, '=');
    if (waiting != NULL) {
        offer_option_value(c, waiting);
    } else if (!options_over && begins(c->current, "--") && equals != NULL) {
        const struct cli_option *o = find_option(c, command, c->current);
        c->before =
            arena_printf(c->arena, "%.*s", (int)(equals + 1 - c->current), c->current);
        c->current = equals + 1;
        if (o != NULL && o->kind != CLI_FLAG)
            offer_option_value(c, o);
    } else if (!options_over && c->current[0] == '-') {
        offer_options(c, command);
    } else {
        offer_arguments(c, command);
    }
}

void completion_words(struct arena *a, const struct cli_program *program, size_t count,
                      const char *const *words, struct buf *b)
{
    bool helping = count > 1 && strcmp(words[0], "help") == 0;
    struct completion c = {.arena = a,
                           .program = program,
                           .words = words + helping,
                           .count = count - helping,
                           .before = "",
                           .out = b};
    struct cli_choice choice;
    struct err_info ignored = {0};

    if (c.count == 0)
        return;
    c.current = c.words[c.count - 1];
    if (c.count == 1) {
        offer_commands(&c, NULL);
        return;
    }
    if (c.count == 2)
        offer_commands(&c, c.words[0]);
    char **line = arena_array(a, c.count, sizeof *line);
    for (size_t i = 0; i + 1 < c.count; i++)
        line[i] = arena_string(a, c.words[i]);
    if (!helping &&
        cli_command_choose(a, program, (int)c.count - 1, line, &choice, &ignored) ==
            ERR_OK &&
        choice.command != NULL)
        offer_of_command(&c, choice.command, (size_t)choice.used);
}

const char *completion_script(const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        return completion_bash;
    if (strcmp(shell, "zsh") == 0)
        return completion_zsh;
    return strcmp(shell, "fish") == 0 ? completion_fish : NULL;
}
