/* What the files of this folder share; wire.c says what they are for. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 2048, TOKENS_MAX = 4096, CONNECTIONS_MAX = 4096, LINE_MAX_BYTES = 65536 };

/* Ends the program with a message. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

int64_t now_ns(void);

extern char *tokens[TOKENS_MAX];
extern int token_count;
extern int64_t token_end[TOKENS_MAX]; /* Bytes of text up to and with token k. */
extern _Atomic int64_t *sent;         /* When token k of stream s was, at s * TOKENS_MAX + k; 0 until it is. */
extern const char ANSWER[];
extern const size_t ANSWER_BYTES;

/* Events until `due`; below 0 it is far away. */
int wait_until(int epoll, struct epoll_event *events, int count, int64_t due);
void watch(int epoll, int fd, void *what);
/* False if not all went out: what fits into no socket buffer at once means a reader that has stopped reading. */
bool send_all(int fd, const char *bytes, size_t count);
int connect_to(int port);
int make_request(char *output, size_t size, int slot);
/* Above 0 and below 1; the same numbers in each run. */
double uniform(void);
void tell(const char *what);

/* --- Reading answers. */

struct client {
    int fd, slot;
    int64_t began;
    enum { HEAD, LENGTH, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, COMPLETE } state;
    long left;
    bool chunked;
    int used;          /* Of the line that is being read: the head's, or an event's. */
    int64_t text;      /* Bytes of text that came. */
    int next;          /* The first token that has not come whole. */
    int newest;        /* The last that had been sent when an event came. */
    bool is_done;      /* The stream's own end was there. */
    char line[LINE_MAX_BYTES];
};

/* Called with what stands in an answer's body; `at` is when it was read. */
typedef void body_reader(struct client *, const char *bytes, long count, int64_t at);

void read_answer(struct client *client, const char *bytes, long count, int64_t at, body_reader *body);
/* Feeds a line's bytes; true when it is whole, without its end. */
bool line_is_whole(struct client *client, char byte);

/* --- Samples, in nanoseconds. */

struct samples { int64_t *all; long count, size; };

void note(struct samples *samples, int64_t value);
/* Sorts them; writes members of a JSON object, in microseconds. */
void print_percentiles(const char *name, struct samples *samples);

int model(int port, int64_t delay, double rate);
int streams(int port, int count, int length, int64_t spread, int64_t warm, int64_t measured);
int rate(int port, double per_second, int64_t measured);
