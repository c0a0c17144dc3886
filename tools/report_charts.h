/* tools/report_charts.h - the pictures of the HTML report, each a <figure> with its heading and legend. */
#ifndef SPATE_TOOLS_REPORT_CHARTS_H
#define SPATE_TOOLS_REPORT_CHARTS_H

#include "tools/report.h"

void chart_rates(FILE *out, const struct report *report);
void chart_percentiles(FILE *out, const struct report *report);
void chart_spectrum(FILE *out, const struct report *report);
void chart_heat(FILE *out, const struct report *report);
void chart_results(FILE *out, const struct report *report);
void chart_lag(FILE *out, const struct report *report);
void chart_shards(FILE *out, const struct report *report);
void chart_hottest(FILE *out, const struct report *report);
void chart_search(FILE *out, const struct report *report);

/* The time of the trace's clock, or where that has no meaning the seconds of the run. */
void report_time(const struct report *report, double ns, bool to_the_second, char out[32]);
/* When the most was offered, and how much a second that was. */
double report_peak(const struct report *report, double *at_ns);

#endif
