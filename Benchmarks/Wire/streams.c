/* Many streams at once: how soon events follow the token that they were sent for, and how old each token's text is when it
 * comes, which differs where a filter holds text back. */
#include "wire.h"

static int64_t measured_from, measured_to;
static struct samples reactions, ages, held;
static int stream_tokens;

static bool is_measured(int64_t time) { return time >= measured_from && time < measured_to; }

/* What an event came for is the newest token that had been sent: a gateway sends nothing by itself. */
static void note_reaction(struct client *client, int64_t at) {
    _Atomic int64_t *times = sent + client->slot * TOKENS_MAX;
    while (client->newest + 1 < stream_tokens && times[client->newest + 1] && times[client->newest + 1] <= at) client->newest++;
    /* The first token's event waits for the answer's head and whatever stands before that. */
    if (client->newest > 0 && is_measured(times[client->newest])) note(&reactions, at - times[client->newest]);
}

/* A token that came after the next one was sent had been held back. */
static void event_line(struct client *client, const char *line, int64_t at) {
    if (!*line || *line == ':') return;
    if (strncmp(line, "data:", 5)) die("a line that is no event: %.200s", line);
    if (strstr(line, "[DONE]")) { client->is_done = true; return; }
    if (strstr(line, "\"error\"")) die("an error in a stream: %.400s", line);
    const char *text = strstr(line, "\"content\":");
    if (!text || !(text = strchr(text + 10, '"'))) return;
    const char *end = strchr(++text, '"');
    if (!end || memchr(text, '\\', end - text)) die("a text that was written otherwise: %.200s", text);
    if (end > text) note_reaction(client, at);
    client->text += end - text;
    for (; client->next < stream_tokens && token_end[client->next] <= client->text; client->next++) {
        _Atomic int64_t *times = sent + client->slot * TOKENS_MAX + client->next;
        int64_t time = times[0], following = client->next + 1 < stream_tokens ? times[1] : 0;
        if (!time) die("token %d of stream %d came before it was sent", client->next, client->slot);
        if (client->next == 0 || !is_measured(time)) continue;
        note(&ages, at - time);
        if (following && following < at) note(&held, at - time);
    }
}

static void event_bytes(struct client *client, const char *bytes, long count, int64_t at) {
    while (count-- > 0)
        if (line_is_whole(client, *bytes++)) event_line(client, client->line, at);
}

int streams(int port, int count, int length, int64_t spread, int64_t warm, int64_t measured) {
    if (count < 1 || count > SLOTS || length < 2 || length >= TOKENS_MAX) die("%d streams of %d tokens", count, length);
    stream_tokens = length;
    for (int slot = 0; slot < count; slot++)
        for (int k = 0; k < length; k++) sent[slot * TOKENS_MAX + k] = 0;
    struct client *all = calloc(count, sizeof *all);
    int epoll = epoll_create1(0), begun = 0, ended = 0, phase = 0;
    struct epoll_event events[256];
    char bytes[65536];
    int64_t start = now_ns(), next = start;
    measured_from = start + spread + warm;
    measured_to = measured_from + measured;
    while (ended < count) {
        int64_t now = now_ns(), due = begun < count ? next : -1;
        if (begun < count && due <= now) {
            struct client *client = all + begun;
            client->slot = begun++;
            /* By chance, or tokens of many streams would come at the same moments all the time. */
            next = start + spread * (begun + uniform()) / count;
            client->fd = connect_to(port);
            int size = make_request(bytes, sizeof bytes, client->slot);
            if (!send_all(client->fd, bytes, size)) die("a request was not taken");
            watch(epoll, client->fd, client);
            continue;
        }
        if (phase < 2 && (due < 0 || due > (phase ? measured_to : measured_from))) due = phase ? measured_to : measured_from;
        if (phase == 0 && now >= measured_from) { phase = 1; tell("BEGIN"); continue; }
        if (phase == 1 && now >= measured_to) { phase = 2; tell("END"); continue; }
        if (now > measured_to + 60000000000LL) die("%d of %d streams have not ended", count - ended, count);
        int ready = wait_until(epoll, events, 256, due);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            ssize_t read = recv(client->fd, bytes, sizeof bytes, 0);
            int64_t at = now_ns();
            if (read < 0 && errno == EAGAIN) continue;
            if (read <= 0) die("stream %d broke off after %d tokens", client->slot, client->next);
            read_answer(client, bytes, read, at, event_bytes);
            if (client->state != COMPLETE) continue;
            if (!client->is_done || client->next != length || client->text != token_end[length - 1])
                die("stream %d has %d of %d tokens and %ld of %ld bytes", client->slot, client->next, length,
                    (long)client->text, (long)token_end[length - 1]);
            close(client->fd);
            ended++;
        }
    }
    if (phase < 2) die("the streams ended before they were measured");
    long expected = 0;
    for (int slot = 0; slot < count; slot++)
        for (int k = 1; k < length; k++) expected += is_measured(sent[slot * TOKENS_MAX + k]);
    if (expected != ages.count) die("%ld tokens were sent, %ld came", expected, ages.count);
    if (reactions.count > 2 * expected) die("%ld events for %ld tokens", reactions.count, expected);
    printf("RESULT {\"streams\": %d, \"seconds\": %.3f, ", count, measured / 1e9);
    print_percentiles("events", &reactions);
    printf(", ");
    print_percentiles("tokens", &ages);
    printf(", ");
    print_percentiles("held", &held);
    printf("}\n");
    return 0;
}

