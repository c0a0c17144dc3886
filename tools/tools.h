/* tools/tools.h - the subcommands of `spate`; each in its own file, each with its own table of options. */
#ifndef SPATE_TOOLS_TOOLS_H
#define SPATE_TOOLS_TOOLS_H

/* argv[0] is the subcommand's name; the exit code of the program. */
int tool_call(int argc, char **argv);
int tool_log(int argc, char **argv);
int tool_replay(int argc, char **argv);
int tool_replay_diff(int argc, char **argv);
int tool_serve(int argc, char **argv);
int tool_top(int argc, char **argv);
int tool_trace(int argc, char **argv);
int tool_trace_cut(int argc, char **argv);
int tool_trace_gen(int argc, char **argv);
int tool_trace_import(int argc, char **argv);
int tool_trace_merge(int argc, char **argv);
int tool_trace_pack(int argc, char **argv);
int tool_trace_scale(int argc, char **argv);

#endif
