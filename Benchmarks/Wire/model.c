/* The model server: whole answers after a delay, streams at an exact pace. */
#include "wire.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>

struct request {
    int fd;
    int used;
    int64_t due;      /* Of what is sent next; 0 if nothing is. */
    int slot, next, count;
    bool streams;
    struct request *following;
    char bytes[LINE_MAX_BYTES];
};

/* All that is put into one of them has the same time to wait, so the first is always due first. */
struct line { struct request *first, *last; };

static void queue(struct line *line, struct request *request, int64_t due) {
    request->due = due;
    request->following = NULL;
    if (line->last) line->last->following = request; else line->first = request;
    line->last = request;
}

static struct request *take_due(struct line *line, int64_t now) {
    struct request *request = line->first;
    if (!request || request->due > now) return NULL;
    if (!(line->first = request->following)) line->last = NULL;
    request->due = 0;
    return request;
}

static long number(const char *body, const char *name, long otherwise) {
    const char *found = strstr(body, name);
    if (!found) return otherwise;
    found += strlen(name);
    while (*found == ' ' || *found == ':' || *found == '"') found++;
    return *found == 't' ? 1 : strtol(found, NULL, 10);
}

/* One that stands in a queue goes when its time comes. */
static void drop(struct request *request) {
    if (request->fd >= 0) close(request->fd);
    request->fd = -1;
    if (!request->due) free(request);
}

const char ANSWER[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764547200,\"model\":\"bench\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\",\"content\":\"The harbour answers the slow tide.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":24,\"completion_tokens\":9,\"total_tokens\":33}}";
const size_t ANSWER_BYTES = sizeof ANSWER - 1;

static const char EVENT[] =
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764547200,\"model\":\"bench\","
    "\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n";

static int chunk(char *output, const char *delta, const char *finish) {
    char event[4096];
    int length = snprintf(event, sizeof event, EVENT, delta, finish);
    return sprintf(output, "%x\r\n%s\r\n", length, event);
}

/* Sends what is due. False when the other side is gone. */
static bool answer(struct request *request) {
    char output[8192], delta[2048];
    int length = 0;
    if (!request->streams) {
        length = sprintf(output, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                         ANSWER_BYTES, ANSWER);
        return send_all(request->fd, output, length);
    }
    if (request->next == 0) {
        length = sprintf(output, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        length += chunk(output + length, "\"role\":\"assistant\",\"content\":\"\"", "null");
    }
    int token = request->next++;
    if (token < request->count) {
        snprintf(delta, sizeof delta, "\"content\":\"%s\"", tokens[token % token_count]);
        length += chunk(output + length, delta, "null");
        sent[request->slot * TOKENS_MAX + token] = now_ns();
    } else {
        length += chunk(output + length, "", "\"stop\"");
        length += sprintf(output + length, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    }
    return send_all(request->fd, output, length);
}

/* Whether a whole request has come; then it is read off, and what it asks for is noted. */
static bool is_complete(struct request *request) {
    request->bytes[request->used] = 0;
    char *end = strstr(request->bytes, "\r\n\r\n");
    if (!end) return false;
    char *field = strcasestr(request->bytes, "\r\ncontent-length:");
    long length = field && field < end ? strtol(field + 17, NULL, 10) : 0;
    if (strcasestr(request->bytes, "\r\ntransfer-encoding:")) die("the model reads no chunked requests");
    if (end + 4 + length > request->bytes + request->used) return false;
    if (end + 4 + length < request->bytes + request->used) die("the model reads no pipelined requests");
    request->streams = number(end, "\"stream\"", 0);
    request->count = number(end, "\"max_tokens\"", 64);
    request->slot = number(end, "\"seed\"", 0);
    request->next = request->used = 0;
    if (request->slot < 0 || request->slot >= SLOTS || request->count < 1 || request->count > TOKENS_MAX)
        die("a stream %d of %d tokens", request->slot, request->count);
    return true;
}

int model(int port, int64_t delay, double rate) {
    int64_t period = 1e9 / rate;
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) die("port %d: %s", port, strerror(errno));
    watch(epoll, listener, NULL);
    struct line delayed = {0}, paced = {0};
    struct epoll_event events[256];
    while (true) {
        int64_t due = -1;
        if (delayed.first) due = delayed.first->due;
        if (paced.first && (due < 0 || paced.first->due < due)) due = paced.first->due;
        int ready = wait_until(epoll, events, 256, due);
        for (int i = 0; i < ready; i++) {
            struct request *request = events[i].data.ptr;
            if (!request) {
                int fd;
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (!(request = calloc(1, sizeof *request))) die("no memory");
                    request->fd = fd;
                    watch(epoll, fd, request);
                }
                continue;
            }
            ssize_t count = recv(request->fd, request->bytes + request->used, sizeof request->bytes - 1 - request->used, 0);
            if (count <= 0) {
                if (count == 0 || errno != EAGAIN) drop(request);
                continue;
            }
            request->used += count;
            if (is_complete(request)) queue(&delayed, request, now_ns() + delay);
        }
        struct request *request;
        int64_t now = now_ns();
        while ((request = take_due(&delayed, now)) || (request = take_due(&paced, now))) {
            bool goes_on = request->fd >= 0 && answer(request);
            /* By the plan, not by when it was carried out: a late token makes none after it late. */
            if (!goes_on) drop(request);
            else if (request->streams && request->next <= request->count) {
                static int64_t begun[SLOTS];
                if (request->next == 1) begun[request->slot] = now;
                queue(&paced, request, begun[request->slot] + request->next * period);
            }
        }
    }
}

