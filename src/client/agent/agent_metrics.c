/* Metrics. */
#include "client/agent/agent_metrics.h"

#include "client/renewal/renewal_when.h"
#include "core/base/file.h"

#define NONE      INT64_MIN
#define FILE_MODE 0644

static int64_t next_of(const struct agent_metrics_row *r)
{
    return r->next != RENEWAL_WHEN_NEVER ? r->next : NONE;
}

static const struct {
    const char *name;
    const char *type;
    const char *help;
} metrics[] = {
#define METRIC(name, type, help, value) {name, type, help},
#include "client/agent/agent_metrics.def"
#undef METRIC
};

static int64_t value_of(const struct agent_metrics_row *r, size_t metric)
{
    const int64_t values[] = {
#define METRIC(name, type, help, value) value,
#include "client/agent/agent_metrics.def"
#undef METRIC
    };

    return values[metric];
}

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Backslash, quote and line end are escaped. */
static void label(struct buf *b, const char *name, const char *text)
{
    buf_printf(b, "%s=\"", name);
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            buf_add_text(b, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"')
            buf_add_octet(b, '\\');
        buf_add_octet(b, (uint8_t)*text);
    }
    buf_add_octet(b, '"');
}

static void line_begin(struct buf *b, const char *metric,
                       const struct agent_metrics_row *r)
{
    buf_printf(b, "%s{", metric);
    label(b, "name", r->name);
    buf_add_octet(b, ',');
    label(b, "ca", r->ca);
    buf_add_text(b, "} ");
}

void agent_metrics_write(struct buf *b, const struct agent_metrics_row *rows,
                         size_t count, int64_t now)
{
    static const char duration[] = "cairn_certificate_issuance_duration_seconds";

    head(b, "cairn_info", "gauge", "The version of cairn.");
    buf_printf(b, "cairn_info{version=\"%s\"} 1\n", CAIRN_VERSION);
    head(b, "cairn_last_run_seconds", "gauge", "When all certificates were looked at.");
    buf_printf(b, "cairn_last_run_seconds %lld\n", (long long)now);
    head(b, "cairn_certificates", "gauge", "How many certificates there are.");
    buf_printf(b, "cairn_certificates %zu\n", count);
    for (size_t m = 0; m < sizeof metrics / sizeof metrics[0]; m++) {
        head(b, metrics[m].name, metrics[m].type, metrics[m].help);
        for (size_t i = 0; i < count; i++) {
            int64_t value = value_of(&rows[i], m);
            if (value == NONE)
                continue;
            line_begin(b, metrics[m].name, &rows[i]);
            buf_printf(b, "%lld\n", (long long)value);
        }
    }
    head(b, duration, "gauge", "How long the last issuance took.");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].succeeded == 0)
            continue;
        line_begin(b, duration, &rows[i]);
        buf_printf(b, "%lld.%03lld\n", (long long)rows[i].duration_ms / 1000,
                   (long long)rows[i].duration_ms % 1000);
    }
}

enum err agent_metrics_keep(const char *path, const struct agent_metrics_row *rows,
                            size_t count, int64_t now, struct err_info *why)
{
    AUTO(buf) struct buf b = buf_make(AGENT_METRICS_MAX);

    agent_metrics_write(&b, rows, count, now);
    if (b.failed)
        return err_set(why, ERR_IO, "the metrics for %s are too large", path);
    return file_replace(path, buf_span(&b), FILE_MODE, why);
}
