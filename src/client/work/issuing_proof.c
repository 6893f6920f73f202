/* Challenges that failed, and those that take their place. */
#include "client/work/issuing_proof.h"

#include <string.h>

#include "client/settings/name.h"

#define OUTCOME_FIELDS 4
#define FIRST_MAX      350 /* octets of what failed first, where more is told */

/* ---- what worked ---- */

void issuing_proof_begin(struct issuing_proof *p, struct arena *a, struct issuing *i)
{
    *p = (struct issuing_proof){.i = i};
    p->tries = arena_array(a, i->name_count + 1, sizeof *p->tries);
    p->worked = arena_array(a, i->name_count + 1, sizeof *p->worked);
    for (size_t n = 0; n < i->name_count; n++) {
        struct flow_choice *one = &p->worked[p->worked_count];
        one->name = i->names[n];
        p->worked_count +=
            i->state != NULL && renewal_state_proof(i->state, one->name, &one->type);
    }
}

static void note_worked(struct issuing_proof *p, const char *name,
                        enum challenge_type type)
{
    struct issuing *i = p->i;
    size_t at = 0;

    while (at < p->worked_count && strcmp(p->worked[at].name, name) != 0)
        at++;
    p->worked[at] = (struct flow_choice){name, type}; /* there is room for each name */
    p->worked_count = at == p->worked_count ? at + 1 : p->worked_count;
    for (at = 0; at < i->proof_count && i->proofs[at].name != name;)
        at++;
    if (at == SETTINGS_NAMES_MAX)
        return; /* a device has more names than are remembered */
    i->proofs[at] = (struct renewal_proof){name, type};
    i->proof_count = at == i->proof_count ? at + 1 : i->proof_count;
}

bool issuing_proof_find(const struct issuing *i, const char *text, bool wildcard,
                        size_t *index, struct identifier *found)
{
    const struct identifier asked = name_identifier(text);

    for (size_t n = 0; n < i->name_count; n++) {
        const struct identifier name = name_identifier(i->names[n]);
        const struct identifier base = {name.type, identifier_base(&name)};
        if (identifier_is_wildcard(&name) == wildcard && name_equal(&base, &asked)) {
            *index = n;
            *found = base;
            return true;
        }
    }
    return false;
}

/* ---- what failed ---- */

static bool has_failed(const struct issuing_proof *p, const char *name,
                       enum challenge_type type)
{
    for (size_t f = 0; f < p->failed_count; f++)
        if (p->failed[f].type == type && strcmp(p->failed[f].name, name) == 0)
            return true;
    return false;
}

static void add_failed(struct issuing_proof *p, size_t index, enum challenge_type type)
{
    const char *name = p->i->names[index];

    if (p->failed_count < FLOW_CHOICES_MAX && !has_failed(p, name, type))
        p->failed[p->failed_count++] = (struct flow_choice){name, type};
}

static void fail(struct issuing_proof *p, size_t index)
{
    const struct issuing_try *t = &p->tries[index];

    p->fresh++;
    p->hopeless = p->hopeless || !t->more;
    add_failed(p, index, t->type);
}

/* Could that type prove the name; could one of the others that are set up? What the CA
 * offers is not known here. */
static void look_at(const struct issuing_proof *p, size_t index, enum challenge_type type,
                    bool *needs, bool *has_other)
{
    const struct challenge_list *all = &p->i->wanted->certificate->challenge_types;
    const struct identifier name = name_identifier(p->i->names[index]);
    bool wildcard = identifier_is_wildcard(&name);

    *needs = terms_answers(type, name.type, wildcard);
    *has_other = false;
    for (size_t c = 0; c < all->count; c++)
        if (all->types[c] != type && terms_answers(all->types[c], name.type, wildcard) &&
            !has_failed(p, p->i->names[index], all->types[c]))
            *has_other = true;
}

/* What may be another challenge's luck. What has to do with our processes, disks and
 * signals, or with what the CA sent, is not; but http-01 may have its files on a web
 * server's disk. */
static bool is_of_challenge(enum challenge_type type, enum err result)
{
    if (result == ERR_IO && type == CHALLENGE_HTTP_01)
        return true;
    return result != ERR_OK && result != ERR_INTERRUPTED && result != ERR_INTERNAL &&
           result != ERR_IO && result != ERR_PROTOCOL && result != ERR_MALFORMED &&
           result != ERR_CRYPTO;
}

void issuing_proof_present(struct issuing_proof *p, size_t index,
                           enum challenge_type type, bool more)
{
    p->tries[index] = (struct issuing_try){.presented = true, .more = more, .type = type};
}

void issuing_proof_fail_present(struct issuing_proof *p, size_t index, bool opened,
                                enum err result)
{
    enum challenge_type type = p->tries[index].type;

    if (!is_of_challenge(type, result))
        return;
    p->here = true;
    fail(p, index);
    for (size_t n = 0; n < p->i->name_count; n++) {
        bool needs;
        bool has_other;
        look_at(p, n, type, &needs, &has_other);
        if (n == index || !needs)
            continue;
        if (has_other)
            add_failed(p, n, type);
        else if (!opened)
            p->hopeless = true;
    }
}

void issuing_proof_fail_ready(struct issuing_proof *p, struct solve *solve,
                              enum challenge_type type, enum err result)
{
    if (!is_of_challenge(type, result))
        return;
    p->here = true;
    for (size_t n = 0; n < p->i->name_count; n++) {
        const struct identifier name = name_identifier(p->i->names[n]);
        const struct identifier base = {name.type, identifier_base(&name)};
        if (!p->tries[n].presented || p->tries[n].type != type)
            continue;
        if (solve_blames(solve, type, &base, identifier_is_wildcard(&name)))
            fail(p, n);
        else if (p->tries[n].more)
            add_failed(p, n, type);
    }
}

enum err issuing_proof_outcome(struct issuing_proof *p, const struct wire_message *m,
                               struct err_info *why)
{
    enum challenge_type type;
    struct identifier ignored;
    size_t index = 0;

    if (m->count != OUTCOME_FIELDS ||
        !terms_read_challenge_type((const char *)m->fields[0].data, &type) ||
        !issuing_proof_find(p->i, (const char *)m->fields[1].data, m->fields[2].len > 0,
                            &index, &ignored) ||
        !p->tries[index].presented || p->tries[index].type != type)
        return err_set(why, ERR_PROTOCOL, "an outcome is of no challenge");
    if (m->fields[3].len > 0)
        note_worked(p, p->i->names[index], type);
    else
        fail(p, index);
    return ERR_OK;
}

/* ---- another order ---- */

/* What a later order failed with is told behind what the first one did, unless it is not
 * about proofs: a rate limit, a signal. */
static void settle(struct issuing_proof *p, enum err *result, struct err_info *why)
{
    struct err_info last = *why;

    if (p->orders == 1 ||
        (p->fresh == 0 && *result != ERR_VALIDATION && *result != ERR_REFUSED))
        return;
    *why = p->first;
    *result = p->first.code;
    p->i->at_ca = p->first_at_ca;
    if (p->fresh > 0) /* else it is just that nothing else is offered */
        (void)err_set(why, why->code, "%.*s; and then: %s", FIRST_MAX, p->first.detail,
                      last.detail);
}

bool issuing_proof_again(struct issuing_proof *p, enum err *result, struct err_info *why)
{
    /* a CAA record may allow another challenge (RFC 8657 4) */
    bool failed =
        p->fresh > 0 && (p->here || *result == ERR_VALIDATION || *result == ERR_CAA);

    if (p->orders++ == 0) {
        p->first = *why;
        p->first_at_ca = p->i->at_ca;
    }
    if (!failed || p->hopeless || p->orders == ISSUING_PROOF_ORDERS_MAX) {
        settle(p, result, why);
        return false;
    }
    report_step(&p->i->report, "fallback", "another order, by another challenge: %s",
                why->detail);
    memset(p->tries, 0, p->i->name_count * sizeof *p->tries);
    p->fresh = 0;
    p->here = false;
    *why = (struct err_info){0};
    return true;
}
