/* Open loop: requests go out by a plan, whatever becomes of those before. */
#include "wire.h"
#include <math.h>

static void no_body(struct client *client, const char *bytes, long count, int64_t at) {
    (void)bytes, (void)at;
    client->text += count;
}

static double exponential(double mean) { return -log(uniform()) * mean; }

int rate(int port, double per_second, int64_t measured) {
    struct client *idle[CONNECTIONS_MAX];
    int idle_count = 0, connections = 0, epoll = epoll_create1(0), in_flight = 0, worst = 0;
    struct samples samples = {0};
    struct epoll_event events[256];
    char bytes[65536], request[36864];
    int size = make_request(request, sizeof request, 0);
    /* A second before that nothing is measured: connections are opened, caches filled. */
    double next = now_ns();
    int64_t from = next + 1000000000, to = from + measured, asked = 0;
    bool has_begun = false, has_ended = false;
    while (true) {
        int64_t now = now_ns();
        if (!has_begun && now >= from) { has_begun = true; tell("BEGIN"); }
        if (!has_ended && now >= to) { has_ended = true; tell("END"); }
        if (has_ended && !in_flight) break;
        if (now > to + 30000000000LL) die("%d requests were not answered", in_flight);
        while (next <= now && next < to) {
            struct client *client = idle_count ? idle[--idle_count] : NULL;
            if (!client) {
                if (++connections > CONNECTIONS_MAX) die("more than %d requests at once: the rate is not sustained", CONNECTIONS_MAX);
                client = calloc(1, sizeof *client);
                client->fd = connect_to(port);
                watch(epoll, client->fd, client);
            }
            client->state = HEAD;
            client->text = 0;
            /* Its time runs from when it was to be sent, or a server that falls behind would look fast. */
            client->began = next;
            if (!send_all(client->fd, request, size)) die("a request was not taken");
            if (++in_flight > worst) worst = in_flight;
            if (next >= from) asked++;
            next += exponential(1e9 / per_second);
        }
        int ready = wait_until(epoll, events, 256, next < to ? (int64_t)next : has_ended ? -1 : to);
        int64_t at = now_ns();
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            ssize_t read = recv(client->fd, bytes, sizeof bytes, 0);
            if (read < 0 && errno == EAGAIN) continue;
            if (read <= 0) die("a connection was closed");
            read_answer(client, bytes, read, at, no_body);
            if (client->state != COMPLETE) continue;
            if (client->text != (int64_t)ANSWER_BYTES) die("an answer of %ld bytes", (long)client->text);
            if (client->began >= from) note(&samples, at - client->began);
            in_flight--;
            idle[idle_count++] = client;
        }
    }
    if (samples.count != asked) die("%ld requests were sent, %ld answered", (long)asked, samples.count);
    printf("RESULT {\"per_second\": %.1f, \"in_flight_max\": %d, \"connections\": %d, ", samples.count / (measured / 1e9), worst, connections);
    print_percentiles("answers", &samples);
    printf("}\n");
    return 0;
}

