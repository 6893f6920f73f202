/* Updates and their answers. */
#include "core/dns/dns_change.h"

#include <stdlib.h>

#include "core/base/clock.h"

enum {
    RCODE_FORMERR = 1,
    RCODE_NOTIMP = 4,
    RCODE_NOTAUTH = 9,
    RCODE_NOTZONE = 10,
};

enum err dns_change_make(struct buf *b, const struct dns_update *update,
                         const struct tsig_key *key, unsigned int id,
                         struct tsig_mac *mac, struct err_info *why)
{
    TRY(dns_wire_update(b, update, id, why));
    tsig_sign(b, key, clock_now(), mac);
    if (b->failed)
        return err_set(why, ERR_TOO_LARGE, "a DNS message is too large");
    return ERR_OK;
}

/* Who is refused, and what to look at. */
struct refusal {
    const char *server;
    const struct dns_update *update;
    const struct tsig_key *key;
    const struct tsig_verdict *verdict;
};

static enum err bad_time(const struct refusal *r, struct err_info *why)
{
    long long apart = (long long)(r->verdict->server_time - clock_now());

    if (r->verdict->server_time == 0)
        return err_set(why, ERR_UNAUTHORIZED,
                       "%s does not take the time of the signature (BADTIME): set the "
                       "clocks of this machine and of the server",
                       r->server);
    return err_set(why, ERR_UNAUTHORIZED,
                   "%s does not take the time of the signature (BADTIME): its clock is "
                   "%lld s %s the one here; set the one that is wrong",
                   r->server, llabs(apart), apart < 0 ? "behind" : "ahead of");
}

static enum err not_authorized(const struct refusal *r, struct err_info *why)
{
    const char *name = r->key->name;
    const char *algorithm = tsig_key_algorithm(r->key);

    switch (r->verdict->error) {
    case TSIG_BADKEY:
        return err_set(why, ERR_UNAUTHORIZED,
                       "%s does not know the key \"%s\" with %s, or not for the zone %s "
                       "(BADKEY): compare name and algorithm with the server's "
                       "configuration",
                       r->server, name, algorithm, r->update->zone);
    case TSIG_BADSIG:
        return err_set(why, ERR_UNAUTHORIZED,
                       "%s says that the signature is wrong (BADSIG): its key \"%s\" has "
                       "another secret or algorithm than the one here, %s",
                       r->server, name, algorithm);
    case TSIG_BADTIME:
        return bad_time(r, why);
    case TSIG_BADTRUNC:
        return err_set(why, ERR_UNAUTHORIZED,
                       "%s wants a longer signature (BADTRUNC): give the key \"%s\" "
                       "another algorithm",
                       r->server, name);
    default:
        return err_set(why, ERR_REFUSED,
                       "%s is not the primary server of the zone %s (NOTAUTH): say which "
                       "server takes updates",
                       r->server, r->update->zone);
    }
}

static enum err refused(const struct refusal *r, int rcode, struct err_info *why)
{
    switch (rcode) {
    case DNS_REFUSED:
        return err_set(why, ERR_UNAUTHORIZED,
                       "%s refuses the update (REFUSED): it must allow the key \"%s\" to "
                       "change TXT records of %s in the zone %s",
                       r->server, r->key->name, r->update->owner, r->update->zone);
    case RCODE_NOTAUTH:
        return not_authorized(r, why);
    case RCODE_NOTZONE:
        return err_set(why, ERR_REFUSED,
                       "%s says that %s is not in the zone %s (NOTZONE)", r->server,
                       r->update->owner, r->update->zone);
    case DNS_SERVFAIL:
        return err_set(why, ERR_UNAVAILABLE,
                       "%s failed to change the zone %s (SERVFAIL): its log says why",
                       r->server, r->update->zone);
    case RCODE_FORMERR:
        return err_set(why, ERR_REFUSED,
                       "%s does not understand the update (FORMERR): it may not know "
                       "signed updates",
                       r->server);
    case RCODE_NOTIMP:
        return err_set(why, ERR_REFUSED, "%s does not take updates (NOTIMP)", r->server);
    default:
        return err_set(why, ERR_REFUSED, "%s refuses the update (%s)", r->server,
                       dns_rcode_name(rcode));
    }
}

enum err dns_change_judge(struct span response, const struct dns_update *update,
                          const struct tsig_key *key, unsigned int id,
                          const struct tsig_mac *mac, const char *server,
                          struct err_info *why)
{
    AUTO(arena) struct arena *a = arena_new();
    struct dns_answer answer;
    struct tsig_verdict verdict;
    const struct refusal r = {server, update, key, &verdict};

    if (dns_wire_read(a, response, &answer, why) != ERR_OK ||
        tsig_judge(response, key, clock_now(), mac, &verdict, why) != ERR_OK)
        return err_prefix(why, "%s", server);
    if (answer.id != id)
        return err_set(why, ERR_PROTOCOL, "%s answers another request", server);
    if (answer.rcode != DNS_NOERROR)
        return refused(&r, answer.rcode, why);
    if (verdict.is_proved && verdict.error == TSIG_NOERROR)
        return ERR_OK;
    if (!verdict.has_record)
        return err_set(why, ERR_PROTOCOL,
                       "%s says that the update is done, but did not sign its answer, so "
                       "anybody may have said it",
                       server);
    return err_set(why, ERR_PROTOCOL,
                   "%s says that the update is done, but the signature of its answer is "
                   "wrong or too old",
                   server);
}
