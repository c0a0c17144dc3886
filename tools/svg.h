/* tools/svg.h - charts as inline SVG: a frame with axes, and what is drawn into it.
 *
 * Colours are classes that the page defines, so that light, dark and paper each have their own. Each
 * chart is drawn twice, wide and narrow, and the page shows the one that fits: letters stay legible on a
 * telephone. */
#ifndef SPATE_TOOLS_SVG_H
#define SPATE_TOOLS_SVG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct chart {
    FILE *out;
    double width, height;
    double left, right, top, bottom; /* of the frame, in the picture */
    double x_min, x_max, y_min, y_max;
    bool log_x, log_y;
    bool narrow;
};

typedef void label_fn(double value, char out[32]);

void svg_open(struct chart *chart, FILE *out, const char *title, double width, double height,
              bool narrow);
void svg_close(struct chart *chart);

double svg_x(const struct chart *chart, double value);
double svg_y(const struct chart *chart, double value);

/* Lines across the frame, labelled on its left; with log_y at 1 and 3 times powers of ten. */
void svg_y_axis(const struct chart *chart, label_fn *label);
/* A tick with its label below the frame. */
void svg_x_tick(const struct chart *chart, double value, const char *label);
/* `count` points; those with y < 0 are not there and end a stretch of the line. */
void svg_line(const struct chart *chart, const char *class, const double *x, const double *y,
              uint32_t count);
void svg_area(const struct chart *chart, const char *class, const double *x, const double *y,
              uint32_t count);
/* Between two corners given in values; `title` shows under the pointer, NULL: none. */
void svg_box(const struct chart *chart, const char *class, double opacity, double x0, double x1,
             double y0, double y1, const char *title);
/* A vertical line with its words at the top, `row` lines below it, on its left or right. */
void svg_mark(const struct chart *chart, double value, const char *words, uint32_t row, bool left);
/* A horizontal line with its words. */
void svg_limit(const struct chart *chart, double value, const char *words);
/* Text at a place of the picture; anchor: start, middle, end. */
void svg_text(FILE *out, const char *class, double x, double y, const char *anchor,
              const char *text);

/* Escapes what HTML and SVG read as their own. */
void html_put(FILE *out, const char *text);

/* 12,345 and 1.2 M; 250 us as µs, 1.25 ms, 3.4 s. */
void number_say(double value, char out[32]);
void number_say_short(double value, char out[32]);
void duration_say(double ns, char out[32]);
/* The step for about `count` round ticks over `span`: 1, 2 or 5 times a power of ten. */
double step_round(double span, double count);

#endif
