/* complete.c - leat completion SHELL: generates a script for bash, zsh or fish from the tables.
 *
 * All three scripts run the same small state machine over the words before the cursor: at the
 * start, at the place of a stage name (after : | [), or inside a stage, where its options and files
 * are offered.
 */

#include <string.h>

#include "../cmd.h"

/* `leat test` is completed like a stage: its options and files. */
#define TEST_ALL_HELP "also decode nested compressed data"
static const char *const test_globals[] = {"json", "memory", "quiet", "threads", "timeout"};

/* Text inside the '…' of a shell. */
static void add_quoted(struct buf *b, const char *text, const char *quote_escape)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_add(b, "%s", quote_escape);
        else
            buf_bytes(b, text, 1);
    }
}

/* Call `add` for each name and alias of each stage type. */
static void each_name(struct buf *b, const struct leat_registry *registry,
                      void (*add)(struct buf *b, const struct leat_stage_type *t, const char *name,
                                  size_t n))
{
    for (size_t i = 0; i < leat_registry_count(registry); i++) {
        const struct leat_stage_type *t = leat_registry_at(registry, i);

        if (t->missing)
            continue;
        add(b, t, t->name, strlen(t->name));
        for (const char *p = t->aliases ? t->aliases : ""; *p;) {
            size_t n = strcspn(p, " ");

            add(b, t, p, n);
            p += n;
            p += strspn(p, " ");
        }
    }
}

/* "a|b|c" as "a b c ". */
static void add_choices(struct buf *b, const char *choices)
{
    const char *one;
    size_t len;

    while ((len = each_choice(&choices, &one)) > 0)
        buf_add(b, "%.*s ", (int)len, one);
}

static bool wants_equals(const struct leat_option *o)
{
    return o->kind != LEAT_OPT_FLAG && !o->value_optional;
}

static bool global_wants_equals(const struct global_option *o)
{
    return o->metavar && !o->value_optional;
}

/* The global options whose value can be the next word. */
static void add_valued(struct buf *b)
{
    for (size_t i = 0; i < n_global_options; i++) {
        const struct global_option *o = &global_options[i];

        if (!global_wants_equals(o))
            continue;
        buf_add(b, " --%s", o->name);
        if (o->short_name)
            buf_add(b, " -%c", o->short_name);
    }
}

/* Call `add` for each global option that `leat test` accepts. */
static void each_of_test(struct buf *b, void (*add)(struct buf *b, const struct global_option *o))
{
    for (size_t i = 0; i < n_global_options; i++)
        for (size_t k = 0; k < sizeof test_globals / sizeof *test_globals; k++)
            if (strcmp(global_options[i].name, test_globals[k]) == 0)
                add(b, &global_options[i]);
}

/* Call `begin`, `add` for each of its own options, and `end`, for each subcommand that has a table of them. */
static void each_own(struct buf *b, const char *begin,
                     void (*add)(struct buf *b, const struct global_option *o), const char *end)
{
    for (size_t i = 0; i < n_subcommands; i++) {
        const struct subcommand *sub = &subcommands[i];

        if (!sub->options)
            continue;
        for (const char *p = begin; *p; p++) /* @ is its name */
            buf_add(b, "%.*s", *p == '@' ? (int)strlen(sub->name) : 1, *p == '@' ? sub->name : p);
        for (size_t k = 0; k < *sub->n_options; k++)
            add(b, &sub->options[k]);
        buf_add(b, "%s", end);
    }
}

/* --- bash ------------------------------------------------------------------------------------- */

static void bash_name(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    (void)t;
    buf_add(b, " %.*s", (int)n, name);
}

static void bash_options(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    const struct leat_option *o = t->options;

    if (!o || option_is_last(o))
        return;
    buf_add(b, "    %.*s) echo '", (int)n, name);
    for (; !option_is_last(o); o++) {
        if (o->name)
            buf_add(b, "--%s%s ", o->name, wants_equals(o) ? "=" : "");
        else if (o->short_name != LEAT_DIGITS)
            buf_add(b, "-%c ", o->short_name);
    }
    buf_add(b, "' ;;\n");
}

static void bash_choices(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    const struct leat_option *o = t->options;

    for (; o && !option_is_last(o); o++) {
        if (!o->choices || !o->name)
            continue;
        buf_add(b, "    %.*s--%s) echo '", (int)n, name, o->name);
        add_choices(b, o->choices);
        buf_add(b, "' ;;\n");
    }
}

static void bash_global(struct buf *b, const struct global_option *o)
{
    buf_add(b, "--%s%s ", o->name, global_wants_equals(o) ? "=" : "");
}

static void bash_globals(struct buf *b)
{
    buf_add(b, "_leat_globals='");
    for (size_t i = 0; i < n_global_options; i++)
        bash_global(b, &global_options[i]);
    buf_add(b, "'\n_leat_valued='");
    add_valued(b);
    buf_add(b, " '\n_leat_subcommands='");
    for (size_t i = 0; i < n_subcommands; i++)
        buf_add(b, "%s ", subcommands[i].name);
    buf_add(b, "'\n");
}

static void bash_global_choices(struct buf *b)
{
    for (size_t i = 0; i < n_global_options; i++) {
        if (!global_options[i].choices)
            continue;
        buf_add(b, "    --%s) echo '", global_options[i].name);
        add_choices(b, global_options[i].choices);
        buf_add(b, "' ;;\n");
    }
}

static const char bash_body[] =
    "# Complete the value of an option: _leat_value OPTION PREFIX\n"
    "_leat_value() {\n"
    "    local choices\n"
    "    choices=$(_leat_choices \"$1\")\n"
    "    if [[ -n $choices ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$2\")\n"
    "    else\n"
    "        compopt -o filenames\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$2\")\n"
    "    fi\n"
    "}\n"
    "# Split words only at blanks: COMP_WORDS would also split at : and =.\n"
    "_leat() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur='' stage='' state=start value=''\n"
    "    local word part prefix name\n"
    "    local -a words\n"
    "    COMPREPLY=()\n"
    "    read -ra words <<<\"$line\"\n"
    "    [[ $line == *[[:blank:]] ]] || cur=${words[-1]}\n"
    "    [[ -z $cur ]] || unset 'words[-1]'\n"
    "    for word in \"${words[@]:1}\"; do\n"
    "        if [[ -n $value ]]; then value=''; continue; fi\n"
    "        case $state:$word in\n"
    "        start:-*) [[ $_leat_valued != *\" $word \"* ]] || value=$word ;;\n"
    "        start:help | start:completion | start:man | start:stages) state=$word ;;\n"
    "        start:explain) ;;\n"
    "        *::|*:\\||*:\\[|*:\\'\\|\\'|*:\\\\\\|) state=stage ;;\n"
    "        *:\\]) state=after ;;\n"
    "        start:*|stage:*) state=words stage=$word ;;\n"
    "        esac\n"
    "    done\n"
    "    name=${cur%%=*}\n"
    "    part=$cur\n"
    "    [[ -n $value || $cur != --*=* ]] || part=${cur#*=}\n"
    "    case $state in\n"
    "    start)\n"
    "        if [[ -n $value ]]; then\n"
    "            _leat_value \"$value\" \"$part\"\n"
    "        elif [[ $cur == --*=* ]]; then\n"
    "            _leat_value \"$name\" \"$part\"\n"
    "        elif [[ $cur == -* ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$_leat_globals\" -- \"$cur\")\n"
    "        else\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$_leat_stages $_leat_subcommands\" -- \"$cur\")\n"
    "        fi ;;\n"
    "    stage|help) mapfile -t COMPREPLY < <(compgen -W \"$_leat_stages\" -- \"$cur\") ;;\n"
    "    completion) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$cur\") ;;\n"
    "    man) mapfile -t COMPREPLY < <(compgen -W stages -- \"$cur\") ;;\n"
    "    stages) mapfile -t COMPREPLY < <(compgen -W --json -- \"$cur\") ;;\n"
    "    after) mapfile -t COMPREPLY < <(compgen -W ': [' -- \"$cur\") ;;\n"
    "    words)\n"
    "        if [[ $cur == --*=* ]]; then\n"
    "            _leat_value \"$stage$name\" \"$part\"\n"
    "        elif [[ $cur == -* ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$(_leat_options \"$stage\")\" -- \"$cur\")\n"
    "        else\n"
    "            compopt -o filenames\n"
    "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "        fi ;;\n"
    "    esac\n"
    "    # bash replaces only the part after the last : or = of the word.\n"
    "    prefix=${part%\"${part##*[=:]}\"}\n"
    "    [[ -z $prefix ]] || COMPREPLY=(\"${COMPREPLY[@]#\"$prefix\"}\")\n"
    "    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi\n"
    "}\n"
    "complete -F _leat leat\n";

static void bash_script(struct buf *b, const struct leat_registry *registry)
{
    buf_add(b, "# bash completion for leat, generated by: leat completion bash\n");
    bash_globals(b);
    buf_add(b, "_leat_stages='");
    each_name(b, registry, bash_name);
    buf_add(b, "'\n_leat_options() {\n    case $1 in\n");
    each_name(b, registry, bash_options);
    buf_add(b, "    test) echo '--all ");
    each_of_test(b, bash_global);
    buf_add(b, "' ;;\n");
    each_own(b, "    @) echo '", bash_global, "' ;;\n");
    buf_add(b, "    esac\n}\n_leat_choices() {\n    case $1 in\n");
    bash_global_choices(b);
    each_name(b, registry, bash_choices);
    buf_add(b, "    esac\n}\n%s", bash_body);
}

/* --- zsh -------------------------------------------------------------------------------------- */

static void zsh_text(struct buf *b, const char *text)
{
    add_quoted(b, text ? text : "", "'\\''");
}

static void zsh_name(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    buf_add(b, "    '%.*s:", (int)n, name);
    zsh_text(b, t->summary);
    buf_add(b, "'\n");
}

static void zsh_options(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    const struct leat_option *o = t->options;

    if (!o || option_is_last(o))
        return;
    buf_add(b, "    (%.*s) options=(\n", (int)n, name);
    for (; !option_is_last(o); o++) {
        if (!o->name && o->short_name == LEAT_DIGITS)
            continue;
        if (o->name)
            buf_add(b, "        '--%s%s:", o->name, wants_equals(o) ? "=" : "");
        else
            buf_add(b, "        '-%c:", o->short_name);
        zsh_text(b, o->help);
        buf_add(b, "'\n");
    }
    buf_add(b, "    ) ;;\n");
}

static void zsh_global(struct buf *b, const struct global_option *o)
{
    buf_add(b, "        '--%s%s:", o->name, global_wants_equals(o) ? "=" : "");
    zsh_text(b, o->help);
    buf_add(b, "'\n");
}

static const char zsh_value[] = "_leat_value() {\n"
                                "    local -a choices\n"
                                "    choices=($(_leat_choices \"$stage${value:-${PREFIX%%=*}}\"))\n"
                                "    [[ -n $value ]] || compset -P '*='\n"
                                "    if (( $#choices )); then compadd -a choices; else _files; fi\n"
                                "}\n";

static const char zsh_body[] =
    "    for ((i = 2; i < CURRENT; i++)); do\n"
    "        word=${words[i]}\n"
    "        if [[ -n $value ]]; then value=; continue; fi\n"
    "        case $state:$word in\n"
    "        (start:-*) (( ! $valued[(Ie)$word] )) || value=$word ;;\n"
    "        (start:explain) ;;\n"
    "        (start:help|start:completion|start:man|start:stages) state=$word ;;\n"
    "        (*::|*:\\||*:\\[|*:\\\\\\||*:\\\\\\[|*:\\'\\|\\'|*:\\'\\[\\') state=stage ;;\n"
    "        (*:\\]|*:\\\\\\]|*:\\'\\]\\') state=after ;;\n"
    "        (start:*|stage:*) state=words stage=$word ;;\n"
    "        esac\n"
    "    done\n"
    "    case $state in\n"
    "    (start)\n"
    "        if [[ -n $value || $PREFIX == --*=* ]]; then\n"
    "            _leat_value\n"
    "        elif [[ $PREFIX == -* ]]; then\n"
    "            _describe -o option globals -S ''\n"
    "        else\n"
    "            _describe stage stages -- subcommands\n"
    "        fi ;;\n"
    "    (stage|help) _describe stage stages ;;\n"
    "    (completion) compadd bash zsh fish ;;\n"
    "    (man) compadd stages ;;\n"
    "    (stages) compadd -- --json ;;\n"
    "    (after) compadd -- : '[' ;;\n"
    "    (words)\n"
    "        _leat_options\n"
    "        if [[ $PREFIX == --*=* ]]; then\n"
    "            _leat_value\n"
    "        elif [[ $PREFIX == -* ]]; then\n"
    "            _describe -o option options -S ''\n"
    "        else\n"
    "            _files\n"
    "        fi ;;\n"
    "    esac\n"
    "}\n"
    "if [[ $funcstack[1] == _leat ]]; then _leat \"$@\"; else compdef _leat leat; fi\n";

static void zsh_script(struct buf *b, const struct leat_registry *registry)
{
    buf_add(b, "#compdef leat\n# zsh completion for leat, generated by: leat completion zsh\n");
    buf_add(b, "_leat_options() {\n    options=()\n    case $stage in\n");
    each_name(b, registry, zsh_options);
    buf_add(b, "    (test) options=(\n        '--all:" TEST_ALL_HELP "'\n");
    each_of_test(b, zsh_global);
    buf_add(b, "    ) ;;\n");
    each_own(b, "    (@) options=(\n", zsh_global, "    ) ;;\n");
    buf_add(b, "    esac\n}\n_leat_choices() {\n    case $1 in\n");
    bash_global_choices(b);
    each_name(b, registry, bash_choices);
    buf_add(b,
            "    esac\n}\n%s_leat() {\n    local i word value= stage= state=start\n"
            "    local -a options stages valued globals subcommands\n    stages=(\n",
            zsh_value);
    each_name(b, registry, zsh_name);
    buf_add(b, "    )\n    valued=(");
    add_valued(b);
    buf_add(b, ")\n    globals=(\n");
    for (size_t i = 0; i < n_global_options; i++)
        zsh_global(b, &global_options[i]);
    buf_add(b, "    )\n    subcommands=(\n");
    for (size_t i = 0; i < n_subcommands; i++) {
        buf_add(b, "    '%s:", subcommands[i].name);
        zsh_text(b, subcommands[i].help);
        buf_add(b, "'\n");
    }
    buf_add(b, "    )\n%s", zsh_body);
}

/* --- fish ------------------------------------------------------------------------------------- */

static void fish_text(struct buf *b, const char *text)
{
    add_quoted(b, text ? text : "", "\\'");
}

static void fish_name(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    buf_add(b, "complete -c leat -f -n '__leat_at start stage help' -a %.*s -d '", (int)n, name);
    fish_text(b, t->summary);
    buf_add(b, "'\n");
}

/* The possible values of an option: choices, or files. */
static void fish_value(struct buf *b, bool needed, const char *choices)
{
    if (needed)
        buf_add(b, choices ? " -x" : " -r");
    if (choices) {
        buf_add(b, " -a '");
        add_choices(b, choices);
        buf_add(b, "'");
    }
}

static void fish_options(struct buf *b, const struct leat_stage_type *t, const char *name, size_t n)
{
    const struct leat_option *o = t->options;

    for (; o && !option_is_last(o); o++) {
        if (!o->name && o->short_name == LEAT_DIGITS)
            continue;
        buf_add(b, "complete -c leat -n '__leat_in %.*s'", (int)n, name);
        if (o->short_name && o->short_name != LEAT_DIGITS)
            buf_add(b, " -s %c", o->short_name);
        if (o->name)
            buf_add(b, " -l %s", o->name);
        fish_value(b, wants_equals(o), o->choices);
        buf_add(b, " -d '");
        fish_text(b, o->help);
        buf_add(b, "'\n");
    }
}

static const char fish_body[] =
    "function __leat_state\n"
    "    set -l state start\n"
    "    set -l value\n"
    "    for word in (commandline -opc)[2..-1]\n"
    "        if test -n \"$value\"\n"
    "            set value\n"
    "            continue\n"
    "        end\n"
    "        switch \"$state $word\"\n"
    "            case 'start -*'\n"
    "                contains -- $word $__leat_valued; and set value $word\n"
    "            case 'start explain'\n"
    "            case 'start help' 'start completion' 'start man' 'start stages'\n"
    "                set state $word\n"
    "            case '* :' '* |' '* ['\n"
    "                set state stage\n"
    "            case '* ]'\n"
    "                set state after\n"
    "            case 'start *' 'stage *'\n"
    "                set state words $word\n"
    "        end\n"
    "    end\n"
    "    test -z \"$value\"; or set state value\n"
    "    printf '%s\\n' $state\n"
    "end\n"
    "function __leat_at\n"
    "    contains -- (__leat_state)[1] $argv\n"
    "end\n"
    "function __leat_in\n"
    "    set -l state (__leat_state)\n"
    "    test \"$state[1]\" = words -a \"$state[2]\" = $argv[1]\n"
    "end\n"
    "complete -c leat -f -n '__leat_at completion' -a 'bash zsh fish'\n"
    "complete -c leat -f -n '__leat_at man' -a stages\n"
    "complete -c leat -f -n '__leat_at after' -a ': ['\n";

static void fish_global(struct buf *b, const struct global_option *o, const char *where)
{
    buf_add(b, "complete -c leat -n '%s' -l %s", where, o->name);
    if (o->short_name && o->short_name != LEAT_DIGITS)
        buf_add(b, " -s %c", o->short_name);
    fish_value(b, global_wants_equals(o), o->choices);
    buf_add(b, " -d '");
    fish_text(b, o->help);
    buf_add(b, "'\n");
}

static void fish_of_test(struct buf *b, const struct global_option *o)
{
    fish_global(b, o, "__leat_in test");
}

/* The only subcommand with a table. */
static void fish_of_serve(struct buf *b, const struct global_option *o)
{
    fish_global(b, o, "__leat_in serve");
}

static void fish_globals(struct buf *b)
{
    for (size_t i = 0; i < n_global_options; i++)
        fish_global(b, &global_options[i], "__leat_at start value");
    for (size_t i = 0; i < n_subcommands; i++) {
        buf_add(b, "complete -c leat -f -n '__leat_at start' -a %s -d '", subcommands[i].name);
        fish_text(b, subcommands[i].help);
        buf_add(b, "'\n");
    }
}

static void fish_script(struct buf *b, const struct leat_registry *registry)
{
    buf_add(b,
            "# fish completion for leat, generated by: leat completion fish\nset -g __leat_valued");
    add_valued(b);
    buf_add(b, "\n%s", fish_body);
    fish_globals(b);
    each_name(b, registry, fish_name);
    each_name(b, registry, fish_options);
    buf_add(b, "complete -c leat -n '__leat_in test' -s a -l all -d '" TEST_ALL_HELP "'\n");
    each_of_test(b, fish_of_test);
    each_own(b, "", fish_of_serve, "");
}

/* ---------------------------------------------------------------------------------------------- */

int completion_main(const struct config *c, int argc, char **argv)
{
    static const struct {
        const char *shell;
        void (*script)(struct buf *b, const struct leat_registry *registry);
    } shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    struct leat_registry *registry;
    struct buf out = {.n = 0};
    size_t i = 0, n = sizeof shells / sizeof *shells;
    int status;

    while (argc == 1 && i < n && strcmp(shells[i].shell, argv[0]) != 0)
        i++;
    if (argc != 1 || i == n)
        return message_fail(c, LEAT_EUSAGE, "completion for which shell? bash, zsh or fish");
    registry = registry_open(c, &status);
    if (!registry)
        return status;
    shells[i].script(&out, registry);
    leat_registry_free(registry);
    status = out_write(&out);
    buf_free(&out);
    return status;
}
