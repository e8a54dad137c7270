#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a text is written anew before rules are matched against it.
typedef enum {
    CICU_NORMALISED = 0,
    CICU_SKELETON = 1,
    /// The skeleton, but for ASCII in it, which is only put in lower case.
    CICU_FOLDED = 2,
} cicu_view;

/// Whether ICU's tables could be opened (1), or nothing can be mapped (0). The answer never changes.
int32_t cicu_ready(void);

/// Writes what one code point (0x80 and above) becomes in a view, as UTF-8.
///
/// Answers the number of bytes (0: the code point is left out), or -1 if it stays as it is, as every one does unless
/// `cicu_ready`. Never writes more than `capacity` bytes; 64 are enough for every code point.
int32_t cicu_map(uint32_t code_point, cicu_view view, uint8_t *bytes, int32_t capacity);

#ifdef __cplusplus
}
#endif
