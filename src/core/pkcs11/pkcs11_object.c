/* Objects of a token: found, and asked for their attributes. */
#include "core/pkcs11/pkcs11_private.h"

#define TEMPLATE_MAX 4
#define VALUE_MAX    65536 /* octets of an attribute; certificates are the largest */

/* Room of the API for what it only reads. */
static void *unconst(const void *data)
{
    return (void *)(uintptr_t)data;
}

static unsigned long fill(const struct pkcs11_object *wanted, unsigned char *on_token,
                          ck_object_class_t *class, struct ck_attribute *to)
{
    unsigned long count = 0;

    *class = wanted->class;
    *on_token = PKCS11_TRUE;
    to[count++] = (struct ck_attribute){CKA_CLASS, class, sizeof *class};
    to[count++] = (struct ck_attribute){CKA_TOKEN, on_token, sizeof *on_token};
    if (wanted->label != NULL)
        to[count++] = (struct ck_attribute){CKA_LABEL, unconst(wanted->label),
                                            strlen(wanted->label)};
    if (wanted->id.len > 0)
        to[count++] =
            (struct ck_attribute){CKA_ID, unconst(wanted->id.data), wanted->id.len};
    return count;
}

enum err pkcs11_object_find(struct pkcs11_token *t, struct pkcs11_lease *lease,
                            const struct pkcs11_object *wanted, ck_object_handle_t *found,
                            size_t room, size_t *count, struct err_info *why)
{
    const struct ck_function_list *call = t->module->call;
    struct ck_attribute template[TEMPLATE_MAX];
    ck_object_class_t class;
    unsigned char on_token;
    unsigned long got = 0;

    unsigned long attributes = fill(wanted, &on_token, &class, template);
    ck_rv_t answer = call->C_FindObjectsInit(lease->session, template, attributes);
    if (answer == CKR_OK) {
        answer = call->C_FindObjects(lease->session, found, room, &got);
        (void)call->C_FindObjectsFinal(lease->session);
    }
    if (answer != CKR_OK) {
        lease->answer = answer;
        return pkcs11_module_failed(why, answer, "%s cannot be searched", t->name);
    }
    *count = got;
    return ERR_OK;
}

struct span pkcs11_object_value(struct arena *a, struct pkcs11_token *t,
                                ck_session_handle_t session, ck_object_handle_t object,
                                ck_attribute_type_t type)
{
    const struct ck_function_list *call = t->module->call;
    struct ck_attribute asked = {type, NULL, 0};

    if (call->C_GetAttributeValue(session, object, &asked, 1) != CKR_OK ||
        asked.value_len == CK_UNAVAILABLE_INFORMATION || asked.value_len == 0 ||
        asked.value_len > VALUE_MAX)
        return span_make(NULL, 0);
    unsigned long room = asked.value_len;
    asked.value = arena_get(a, room);
    if (call->C_GetAttributeValue(session, object, &asked, 1) != CKR_OK ||
        asked.value_len > room)
        return span_make(NULL, 0);
    return span_make(asked.value, asked.value_len);
}

bool pkcs11_object_flag(struct pkcs11_token *t, ck_session_handle_t session,
                        ck_object_handle_t object, ck_attribute_type_t type)
{
    unsigned char flag = PKCS11_FALSE;
    struct ck_attribute asked = {type, &flag, sizeof flag};

    return t->module->call->C_GetAttributeValue(session, object, &asked, 1) == CKR_OK &&
           asked.value_len == sizeof flag && flag != PKCS11_FALSE;
}
