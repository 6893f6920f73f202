/* Where a check connects to. */
#include "server/validate/validate_target.h"

#include "server/validate/validate_private.h"

#define DIAL_SHARE 2 /* of the time left: what dialling the first address may use up */

static void stand_at(struct validate_check *c, size_t which)
{
    struct validate_target *t = &c->target;
    struct address a = t->addresses[which];

    a.port = t->port;
    t->now = which;
    address_text_with_port(&a, t->at);
}

/* The first address of a lookup that may be connected to; `refused` is one that may not.
 */
static bool pick(const struct validate_check *c, const struct resolver_result *r,
                 struct address *to, const struct address **refused)
{
    for (size_t i = 0; i < r->count; i++) {
        if (validate_may_connect(c, &r->addresses[i])) {
            *to = r->addresses[i];
            return true;
        }
        *refused = &r->addresses[i];
    }
    return false;
}

static void refuse_address(struct validate_check *c, const struct address *a)
{
    const struct validate_target *t = &c->target;
    char text[ADDRESS_TEXT_SIZE];

    address_text(a, text);
    validate_bad(c, ERR_CONNECTION,
                 "%s%s%s%s%s is %s: this CA does not connect to such addresses unless "
                 "validation.allow_networks names them",
                 t->led_by, t->host != NULL ? t->host : "",
                 t->host != NULL ? " is at " : "", text, t->host != NULL ? ", which" : "",
                 address_special_name(a));
}

static void on_looked_up(struct validate_check *c)
{
    struct validate_target *t = &c->target;
    const struct resolver_result *v6 = &c->answers[0];
    const struct resolver_result *v4 = &c->answers[1];
    const struct address *refused = NULL;

    if (pick(c, v6, &t->addresses[t->count], &refused))
        t->count++;
    if (pick(c, v4, &t->addresses[t->count], &refused))
        t->count++;
    if (t->count > 0) {
        stand_at(c, 0);
        t->found(c);
    } else if (refused != NULL) {
        refuse_address(c, refused);
    } else if (v4->rcode == DNS_NXDOMAIN || v6->rcode == DNS_NXDOMAIN) {
        validate_bad(c, ERR_DNS, "%sthere is no name %s in the DNS (NXDOMAIN)", t->led_by,
                     c->host);
    } else if (v4->rcode != DNS_NOERROR) {
        validate_trouble(c, ERR_DNS, "%slooking up the A records of %s failed: %s",
                         t->led_by, c->host, v4->reason);
    } else if (v6->rcode != DNS_NOERROR) {
        validate_trouble(c, ERR_DNS, "%slooking up the AAAA records of %s failed: %s",
                         t->led_by, c->host, v6->reason);
    } else {
        validate_bad(c, ERR_DNS, "%s%s has neither A nor AAAA records", t->led_by,
                     c->host);
    }
}

void validate_target_find_name(struct validate_check *c, const char *host, uint16_t port,
                               const char *led_by,
                               void (*found)(struct validate_check *c))
{
    c->target = (struct validate_target){
        .host = host, .led_by = led_by, .port = port, .found = found};
    validate_look_up(c, host, on_looked_up);
}

void validate_target_find_address(struct validate_check *c, const struct address *a,
                                  uint16_t port, const char *led_by,
                                  void (*found)(struct validate_check *c))
{
    c->target = (struct validate_target){
        .led_by = led_by, .port = port, .addresses = {*a}, .count = 1, .found = found};
    if (!validate_may_connect(c, a)) {
        refuse_address(c, a);
        return;
    }
    stand_at(c, 0);
    found(c);
}

struct address validate_target_address(const struct validate_check *c)
{
    struct address a = c->target.addresses[c->target.now];

    a.port = c->target.port;
    return a;
}

int64_t validate_target_dial_ms(const struct validate_check *c)
{
    bool last = c->target.now + 1 == c->target.count;

    return validate_time_left_ms(c) / (last ? 1 : DIAL_SHARE);
}

bool validate_target_next(struct validate_check *c)
{
    if (c->target.now + 1 >= c->target.count)
        return false;
    stand_at(c, c->target.now + 1);
    return true;
}
