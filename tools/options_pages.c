/* The pages that are made of a subcommand's table: --help, the manual's, the shell's words. */
#include "tools/options.h"

#include <string.h>

enum { HELP_COLUMN = 30, LINE_COLUMNS = 100 };

static const char *left_of(const struct option *option, char out[64])
{
    snprintf(out, 64, "--%s%s%s", option->name, option->value_name ? " " : "",
             option->value_name ? option->value_name : "");
    return out;
}

/* The help, and what holds if nothing is said, in brackets. */
static const char *right_of(const struct usage *usage, const struct option *option, char out[512])
{
    char value[OPTION_VALUE_BYTES_MAX];
    const char *preset = option_value(option, value);
    if (option->otherwise != NULL && (preset == NULL || option_number(option) == 0))
        preset = option->otherwise;
    if (usage->environment == NULL || option->kind == OPTION_FLAG)
        preset = NULL; /* such tables say it in their help */
    snprintf(out, 512, "%s%s%s%s", option->help, preset ? " [" : "", preset ? preset : "",
             preset ? "]" : "");
    return out;
}

/* Words from `column` on, broken before the line's end. */
static void print_filled(const char *text, uint32_t column)
{
    uint32_t at = column;
    while (*text != '\0') {
        uint32_t word = (uint32_t)strcspn(text, " ");
        if (at > column && at + 1 + word > LINE_COLUMNS) {
            printf("\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            putchar(' ');
            at++;
        }
        printf("%.*s", (int)word, text);
        at += word;
        text += word + strspn(text + word, " ");
    }
    putchar('\n');
}

static void print_row(const char *left, const char *right)
{
    printf("  %-*s", HELP_COLUMN - 2, left);
    if (strlen(left) > HELP_COLUMN - 3)
        printf("\n%*s", HELP_COLUMN, "");
    print_filled(right, HELP_COLUMN);
}

static void print_help(const struct usage *usage)
{
    char left[64], right[512];
    printf("usage: %s %s\n\n%s\n", usage->command, usage->arguments, usage->summary);
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        if (option->group != NULL)
            printf("\n%s\n", option->group);
        else if (option == usage->options)
            putchar('\n');
        print_row(left_of(option, left), right_of(usage, option, right));
    }
    putchar('\n');
    print_row("--help", "show this");
    print_row("--version", "what this was built from");
    if (usage->environment != NULL)
        printf("\nEvery option may also stand in the environment, in capitals behind %s: %sNAME.\n",
               usage->environment, usage->environment);
}

/* troff gives a meaning to '-', to '\\' and to a '.' or a '\'' that begins a line. */
static void print_troff(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void print_man(const struct usage *usage)
{
    char right[512];
    fputs(".TH \"", stdout);
    for (const char *at = usage->command; *at != '\0'; at++)
        putchar(*at == ' ' ? '-' : *at);
    printf("\" 1\n.SH NAME\n%s\n.SH SYNOPSIS\n.B %s\n", usage->command, usage->command);
    print_troff(usage->arguments);
    fputs("\n.SH DESCRIPTION\n", stdout);
    print_troff(usage->summary);
    fputs("\n.SH OPTIONS\n", stdout);
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        if (option->group != NULL)
            printf(".SS %s\n", option->group);
        printf(".TP\n.BI \\-\\-");
        print_troff(option->name);
        printf(" \" %s\"\n", option->value_name ? option->value_name : "");
        print_troff(right_of(usage, option, right));
        putchar('\n');
    }
    if (usage->environment != NULL)
        printf(".SH ENVIRONMENT\nEvery option, in capitals behind %s, with _ for \\-.\n",
               usage->environment);
    fputs(".SH EXIT STATUS\n0 after success, 2 after wrong usage; the others are in the README.\n",
          stdout);
}

static void print_words(const struct usage *usage)
{
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        printf("--%s%s", option->name, option->value_name == NULL ? "" : "=");
        for (const char *const *choice = option->choices; choice != NULL && *choice; choice++)
            printf("%s%s", choice == option->choices ? "" : ",", *choice);
        putchar('\n');
    }
    fputs("--help\n--version\n", stdout);
}

/* A file in which every default stands as a comment. */
static void print_sample(const struct usage *usage)
{
    char value[OPTION_VALUE_BYTES_MAX];
    printf(
        "# %s --config FILE. Lines of `name = value`; what stands here as a comment is what holds\n"
        "# without it. The command line wins over the environment (%sNAME), that over this file.\n",
        usage->command, usage->environment);
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        const char *is = option_value(option, value);
        if (option->line_only)
            continue;
        if (option->group != NULL)
            printf("\n# ---- %s\n", option->group);
        printf("\n# %s%s\n", option->help, option->reloads ? " (SIGHUP takes it over)" : "");
        if (is == NULL || (option->otherwise != NULL && option_number(option) == 0))
            printf("#%s = %s ; %s\n", option->name, option->value_name ? option->value_name : "",
                   option->otherwise ? option->otherwise : "not set");
        else
            printf("#%s = %s\n", option->name, is);
    }
}

int options_print(const struct usage *usage, const char *page)
{
    if (page == NULL)
        print_help(usage);
    else if (strcmp(page, "man") == 0)
        print_man(usage);
    else if (strcmp(page, "words") == 0)
        print_words(usage);
    else if (strcmp(page, "sample") == 0 && usage->environment != NULL)
        print_sample(usage);
    else {
        fprintf(usage_errors(usage), "%s: --help=%s: one of man words sample\n", usage->command,
                page);
        return 2;
    }
    return 0;
}
