/* A model server that keeps exact time, and two loads for it. Python is too slow for ten thousand events a second on a core
 * that is shared, and a model of Swift's would take as much of it as the gateways that are measured.
 *
 *   wire model   PORT TOKENS SENT DELAY_US RATE        answers until it is killed
 *   wire streams PORT TOKENS SENT STREAMS COUNT SPREAD_MS WARM_MS MEASURED_MS
 *   wire rate    PORT PER_SECOND MEASURED_MS           open loop: arrivals by a Poisson process, whatever the answers do
 *
 * TOKENS is a file with a token a line, plain ASCII that JSON need not escape. SENT is shared memory: when the model sent
 * token k of the stream whose request says "seed":s. So events look like those of any model, no gateway can tell the
 * measured from others, and a client that has so many bytes of text knows how old each of them is, however a gateway
 * cuts or joins events. BENCH_BODY is the request's body, in which SEED stands for the stream's number; BENCH_KEY its key.
 * What can't be (another status, text that is missing, an event nobody sent) ends the program with a message. */
#include "wire.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

void die(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    exit(1);
}

int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* --- What model and clients share: the tokens, and when each was sent. */

char *tokens[TOKENS_MAX];
int token_count;
int64_t token_end[TOKENS_MAX];
_Atomic int64_t *sent;

static void load(const char *token_file, const char *sent_file) {
    FILE *file = fopen(token_file, "r");
    if (!file) die("%s: %s", token_file, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while (token_count < TOKENS_MAX && (length = getline(&line, &size, file)) > 1) {
        line[--length] = 0;
        for (ssize_t i = 0; i < length; i++)
            if (line[i] < ' ' || line[i] > '~' || line[i] == '"' || line[i] == '\\') die("a token that JSON must escape: %s", line);
        tokens[token_count++] = strdup(line);
    }
    fclose(file);
    if (!token_count) die("%s has no tokens", token_file);
    int64_t end = 0;
    for (int k = 0; k < TOKENS_MAX; k++) token_end[k] = end += strlen(tokens[k % token_count]);
    int shared = open(sent_file, O_RDWR | O_CREAT, 0644);
    size_t bytes = sizeof *sent * SLOTS * TOKENS_MAX;
    if (shared < 0 || ftruncate(shared, bytes)) die("%s: %s", sent_file, strerror(errno));
    sent = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    if (sent == MAP_FAILED) die("%s: %s", sent_file, strerror(errno));
    close(shared);
}

int wait_until(int epoll, struct epoll_event *events, int count, int64_t due) {
    int64_t left = due < 0 ? 1000000000 : due - now_ns();
    if (left < 0) left = 0;
    struct timespec time = {left / 1000000000, left % 1000000000};
    int ready = epoll_pwait2(epoll, events, count, &time, NULL);
    if (ready < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    return ready < 0 ? 0 : ready;
}

void watch(int epoll, int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll: %s", strerror(errno));
}

bool send_all(int fd, const char *bytes, size_t count) {
    return send(fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) die("port %d: %s", port, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

int make_request(char *output, size_t size, int slot) {
    const char *body = getenv("BENCH_BODY"), *key = getenv("BENCH_KEY"), *mark = body ? strstr(body, "SEED") : NULL;
    char own[32768];
    if (!body) die("no BENCH_BODY");
    if (mark) snprintf(own, sizeof own, "%.*s%d%s", (int)(mark - body), body, slot, mark + 4);
    else snprintf(own, sizeof own, "%s", body);
    return snprintf(output, size,
                    "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
                    "authorization: Bearer %s\r\ncontent-length: %zu\r\n\r\n%s", key ? key : "none", strlen(own), own);
}

double uniform(void) {
    static uint64_t state = 88172645463325252ULL; /* xorshift64 */
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return ((state >> 11) + 1) / 9007199254740993.0;
}

void tell(const char *what) {
    printf("%s\n", what);
    fflush(stdout);
}

int main(int count, char **arguments) {
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    signal(SIGPIPE, SIG_IGN);
    const char *mode = count > 2 ? arguments[1] : "";
    int port = count > 2 ? atoi(arguments[2]) : 0;
    if (!strcmp(mode, "model") && count == 7) {
        load(arguments[3], arguments[4]);
        return model(port, atol(arguments[5]) * 1000, atof(arguments[6]));
    }
    if (!strcmp(mode, "streams") && count == 10) {
        load(arguments[3], arguments[4]);
        return streams(port, atoi(arguments[5]), atoi(arguments[6]), atol(arguments[7]) * 1000000, atol(arguments[8]) * 1000000,
                       atol(arguments[9]) * 1000000);
    }
    if (!strcmp(mode, "rate") && count == 5) return rate(port, atof(arguments[3]), atol(arguments[4]) * 1000000);
    die("see the top of wire.c");
}
