#include "io/problem.h"

#include "core/check.h"

#include <stdio.h>
#include <string.h>

void problem_open(struct json_writer *writer, enum code code, struct text detail)
{
    const struct code_facts *facts = code_facts(code);
    char type[64];
    CHECK(facts != NULL);
    snprintf(type, sizeof type, "urn:problem-type:spate:%s", facts->name);
    json_write_open(writer, '{');
    json_member_text(writer, "type", text_of(type));
    json_member_text(writer, "title", text_of(facts->title));
    json_member_unsigned(writer, "status", facts->status);
    json_member_text(writer, "code", text_of(facts->name));
    json_member_bool(writer, "retryable", facts->retryable);
    if (detail.bytes > 0)
        json_member_text(writer, "detail", detail);
}

/* For people; programs have the word. */
static const char *explain(const char *word)
{
    static const char *const sentences[][2] = {
        {"required", "is missing"},
        {"type", "has the wrong type"},
        {"range", "is out of range"},
        {"length", "is too short or too long"},
        {"characters", "has characters that are not allowed"},
        {"value", "is none of the values that are allowed"},
        {"time", "is no time as in RFC 3339, in UTC"},
        {"too_few", "has too few members"},
        {"too_many", "has too many members"},
    };
    for (uint32_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        if (strcmp(word, sentences[i][0]) == 0)
            return sentences[i][1];
    return word;
}

void problem_write_fault(struct json_writer *writer, const struct schema_fault *fault)
{
    char detail[JSON_POINTER_BYTES_MAX + 96];
    int pointer_bytes = (int)fault->pointer_bytes;
    if (fault->has_byte)
        snprintf(detail, sizeof detail, "%s, at byte %u", fault->what, fault->byte);
    else
        snprintf(detail, sizeof detail, "%.*s: %s", pointer_bytes, fault->pointer,
                 explain(fault->what));
    problem_open(writer, fault->code, text_of(detail));
    if (fault->has_byte)
        json_member_unsigned(writer, "byte", fault->byte);
    json_member_open(writer, "errors", '[');
    json_write_open(writer, '{');
    json_member_text(writer, "pointer", (struct text){fault->pointer, fault->pointer_bytes});
    json_member_text(writer, "code", text_of(fault->what));
    json_write_close(writer, '}');
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}
