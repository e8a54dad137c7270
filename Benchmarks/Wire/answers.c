/* Reads answers, and keeps samples of how long they took. */
#include "wire.h"

static void expect_chunk(struct client *client) {
    client->state = CHUNK_SIZE;
    client->left = 0;
}

static void head_line(struct client *client, const char *line) {
    if (!strncmp(line, "HTTP/1.1 ", 9)) {
        if (strncmp(line + 9, "200", 3)) die("an answer with status %.60s", line + 9);
        client->chunked = false;
        client->left = -1;
    } else if (!strncasecmp(line, "content-length:", 15)) {
        client->left = strtol(line + 15, NULL, 10);
    } else if (!strncasecmp(line, "transfer-encoding: chunked", 26)) {
        client->chunked = true;
    } else if (!*line) {
        if (!client->chunked && client->left < 0) die("an answer without a length");
        client->state = client->left ? LENGTH : COMPLETE;
        if (client->chunked) expect_chunk(client);
    }
}

bool line_is_whole(struct client *client, char byte) {
    if (byte == '\n') {
        if (client->used && client->line[client->used - 1] == '\r') client->used--;
        client->line[client->used] = 0;
        client->used = 0;
        return true;
    }
    if (client->used == LINE_MAX_BYTES - 1) die("a line that does not end");
    client->line[client->used++] = byte;
    return false;
}

void read_answer(struct client *client, const char *bytes, long count, int64_t at, body_reader *body) {
    while (count > 0 && client->state != COMPLETE) {
        if (client->state == LENGTH || client->state == CHUNK) {
            long part = count < client->left ? count : client->left;
            body(client, bytes, part, at);
            bytes += part, count -= part;
            if (!(client->left -= part)) client->state = client->state == CHUNK ? CHUNK_END : COMPLETE;
            continue;
        }
        char byte = *bytes++;
        count--;
        if (client->state == CHUNK_END) {
            if (byte == '\n') expect_chunk(client);
        } else if (client->state == CHUNK_SIZE && byte != '\n') {
            const char *digits = "0123456789abcdef", *digit = byte ? strchr(digits, byte | 32) : NULL;
            if (digit && client->left < 1 << 24) client->left = client->left * 16 + (digit - digits);
            else if (byte != '\r') die("a chunk without a size");
        } else if (client->state == CHUNK_SIZE) {
            client->state = client->left ? CHUNK : TRAILER;
        } else if (line_is_whole(client, byte)) {
            if (client->state == HEAD) head_line(client, client->line);
            else if (!*client->line) client->state = COMPLETE;
        }
    }
    if (count > 0) die("bytes after the answer");
}

static int ascending(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

void note(struct samples *samples, int64_t value) {
    if (value < 0) die("an answer before its question");
    if (samples->count == samples->size) {
        samples->size = samples->size ? samples->size * 2 : 65536;
        if (!(samples->all = realloc(samples->all, samples->size * sizeof value))) die("no memory");
    }
    samples->all[samples->count++] = value;
}

/* Microseconds; samples are sorted. */
static double percentile(struct samples *samples, double part) {
    return samples->count ? samples->all[(long)(part * (samples->count - 1))] / 1e3 : 0;
}

void print_percentiles(const char *name, struct samples *samples) {
    if (samples->count) qsort(samples->all, samples->count, sizeof *samples->all, ascending);
    printf("\"%s\": %ld, \"%s_p50_us\": %.1f, \"%s_p90_us\": %.1f, \"%s_p99_us\": %.1f, \"%s_max_us\": %.1f", name, samples->count,
           name, percentile(samples, .5), name, percentile(samples, .9), name, percentile(samples, .99), name, percentile(samples, 1));
}

