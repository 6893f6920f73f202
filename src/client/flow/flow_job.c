/* Tasks by their word. */
#include "client/flow/flow_job.h"

#include "client/flow/flow.h"
#include "client/flow/flow_account.h"

static enum err run(struct session *s, const struct flow_options *o,
                    const struct report *report, struct arena *a, struct span *answer,
                    struct err_info *why)
{
    switch (o->task) {
    case FLOW_ISSUE:
        TRY(session_need_account(s, why));
        return flow_issue(s, o, report, a, answer, why);
    case FLOW_REVOKE:
        return flow_account_revoke(s, o, answer, why);
    default:
        return flow_account(s, o, a, answer, why);
    }
}

enum err flow_job(const struct flow_options *options, const struct keeper *keeper,
                  const struct report *report, struct arena *a, struct span *answer,
                  struct err_info *why)
{
    struct session *session = NULL;

    TRY(session_reach(&options->session, keeper, report, &session, why));
    enum err result = run(session, options, report, a, answer, why);
    session_close(session);
    return result;
}
