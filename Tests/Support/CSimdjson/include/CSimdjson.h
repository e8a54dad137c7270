// simdjson (Debian: libsimdjson-dev) as a second opinion in tests. Never part of the product.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Parses `count` bytes with simdjson's DOM parser. Returns 0 and writes a dump of the tree to `output`, of which it sets
// `written`; returns simdjson's error code if it refuses the text, or -1 if `capacity` is too small.
//
// The dump: `{` key value … `}`, `[` value … `]`, `t`, `f`, `n`, `s` length `:` decoded bytes, `i` decimal `;` for what
// fits 64 bits and has no fraction or exponent, `d` the bits of the binary64 in decimal `;`.
int32_t csimdjson_dump(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *written);

#ifdef __cplusplus
}
#endif
