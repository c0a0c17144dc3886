#include "tools/svg.h"

#include <math.h>
#include <string.h>

void html_put(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            putc(*text, out);
    }
}

/* ---- numbers as people write them ------------------------------------------------------------------------ */

void number_say(double value, char out[32])
{
    char digits[32];
    int bytes = snprintf(digits, sizeof digits, "%.0f", value);
    int used = 0;
    for (int i = 0; i < bytes && used < 30; i++) {
        out[used++] = digits[i];
        if ((bytes - 1 - i) % 3 == 0 && i + 1 < bytes && digits[i] != '-')
            out[used++] = ',';
    }
    out[used] = '\0';
}

void number_say_short(double value, char out[32])
{
    static const char *const names[] = {"", " k", " M", " G"};
    int power = 0;
    while (value >= 1000 && power < 3) {
        value /= 1000;
        power++;
    }
    snprintf(out, 32, "%.3g%s", value, names[power]);
}

void duration_say(double ns, char out[32])
{
    static const struct {
        double size;
        const char *name;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (ns >= 0.9995 * units[i].size) {
            snprintf(out, 32, ns >= 99.5 * units[i].size ? "%.0f %s" : "%.3g %s",
                     ns / units[i].size, units[i].name);
            return;
        }
    snprintf(out, 32, "%.0f ns", ns);
}

double step_round(double span, double count)
{
    double size = pow(10, floor(log10(span / count)));
    double times = span / count / size;
    return size * (times > 5 ? 10 : times > 2 ? 5 : times > 1 ? 2 : 1);
}

/* ---- the frame --------------------------------------------------------------------------------------------- */

void svg_open(struct chart *chart, FILE *out, const char *title, double width, double height,
              bool narrow)
{
    *chart = (struct chart){.out = out,
                            .width = width,
                            .height = height,
                            .left = narrow ? 50 : 58,
                            .right = width - (narrow ? 8 : 14),
                            .top = 14,
                            .bottom = height - 24,
                            .narrow = narrow};
    fprintf(out, "<svg class=\"%s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>",
            narrow ? "narrow" : "wide", width, height);
    html_put(out, title);
    fprintf(out, "</title>\n");
}

void svg_close(struct chart *chart)
{
    fprintf(chart->out, "</svg>\n");
}

static double place(double value, double min, double max, bool is_log)
{
    if (!is_log)
        return (value - min) / (max - min);
    return (log(value > min ? value : min) - log(min)) / (log(max) - log(min));
}

double svg_x(const struct chart *chart, double value)
{
    return chart->left +
           place(value, chart->x_min, chart->x_max, chart->log_x) * (chart->right - chart->left);
}

double svg_y(const struct chart *chart, double value)
{
    return chart->bottom -
           place(value, chart->y_min, chart->y_max, chart->log_y) * (chart->bottom - chart->top);
}

void svg_text(FILE *out, const char *class, double x, double y, const char *anchor,
              const char *text)
{
    fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y,
            anchor);
    html_put(out, text);
    fprintf(out, "</text>\n");
}

static void y_tick(const struct chart *chart, double value, label_fn *label)
{
    char text[32];
    double y = svg_y(chart, value);
    label(value, text);
    fprintf(chart->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", chart->left, y,
            chart->right);
    svg_text(chart->out, "tick", chart->left - 6, y + 4, "end", text);
}

void svg_y_axis(const struct chart *chart, label_fn *label)
{
    if (!chart->log_y) {
        double step = step_round(chart->y_max - chart->y_min, 4);
        for (double value = chart->y_min; value <= chart->y_max * 1.0001; value += step)
            y_tick(chart, value, label);
        return;
    }
    bool crowded = chart->y_max / chart->y_min > 3000;
    for (double power = pow(10, floor(log10(chart->y_min))); power <= chart->y_max; power *= 10) {
        if (power >= chart->y_min * 0.999)
            y_tick(chart, power, label);
        if (!crowded && power * 3 >= chart->y_min && power * 3 <= chart->y_max)
            y_tick(chart, power * 3, label);
    }
}

void svg_x_tick(const struct chart *chart, double value, const char *label)
{
    double x = svg_x(chart, value);
    fprintf(chart->out, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x, chart->bottom,
            chart->bottom + 4);
    bool last = x > chart->right - 14, first = x < chart->left + 14;
    svg_text(chart->out, "tick", x, chart->bottom + 17,
             last    ? "end"
             : first ? "start"
                     : "middle",
             label);
}

/* ---- what is drawn into it ------------------------------------------------------------------------------------ */

void svg_line(const struct chart *chart, const char *class, const double *x, const double *y,
              uint32_t count)
{
    bool pen_down = false;
    fprintf(chart->out, "<path class=\"line %s\" d=\"", class);
    for (uint32_t i = 0; i < count; i++) {
        if (y[i] >= 0)
            fprintf(chart->out, "%c%.1f %.1f", pen_down ? 'L' : 'M', svg_x(chart, x[i]),
                    svg_y(chart, y[i]));
        pen_down = y[i] >= 0;
    }
    fprintf(chart->out, "\"/>\n");
}

void svg_area(const struct chart *chart, const char *class, const double *x, const double *y,
              uint32_t count)
{
    fprintf(chart->out, "<path class=\"area %s\" d=\"M%.1f %.1f", class, svg_x(chart, x[0]),
            chart->bottom);
    for (uint32_t i = 0; i < count; i++)
        fprintf(chart->out, "L%.1f %.1f", svg_x(chart, x[i]), svg_y(chart, y[i] > 0 ? y[i] : 0));
    fprintf(chart->out, "L%.1f %.1fZ\"/>\n", svg_x(chart, x[count - 1]), chart->bottom);
}

void svg_box(const struct chart *chart, const char *class, double opacity, double x0, double x1,
             double y0, double y1, const char *title)
{
    double left = svg_x(chart, x0), top = svg_y(chart, y1);
    fprintf(chart->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"",
            class, left, top, svg_x(chart, x1) - left, svg_y(chart, y0) - top);
    if (opacity < 1)
        fprintf(chart->out, " fill-opacity=\"%.2f\"", opacity);
    if (title == NULL) {
        fprintf(chart->out, "/>\n");
        return;
    }
    fprintf(chart->out, "><title>");
    html_put(chart->out, title);
    fprintf(chart->out, "</title></rect>\n");
}

void svg_mark(const struct chart *chart, double value, const char *words, uint32_t row, bool left)
{
    double x = svg_x(chart, value), y = chart->top + 10 + row * 15;
    left = x > chart->right - 110 || (left && x > chart->left + 110);
    fprintf(chart->out, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>", x, chart->top,
            chart->bottom);
    svg_text(chart->out, "note", x + (left ? -5 : 5), y, left ? "end" : "start", words);
}

void svg_limit(const struct chart *chart, double value, const char *words)
{
    double y = svg_y(chart, value);
    fprintf(chart->out, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", chart->left, y,
            chart->right);
    svg_text(chart->out, "note limit-text", chart->left + 6, y - 5, "start", words);
}
