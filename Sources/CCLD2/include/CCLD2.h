#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What a text seems to be written in.
typedef struct {
    /// BCP 47, such as `en` or `zh-Hant`; a constant. `und` where nothing can be told.
    const char *code;
    /// Of the text's letters, in that language.
    int32_t percent;
    /// Bytes of letters that were looked at.
    int32_t letter_bytes;
    /// Whether it is clearly likelier than the next.
    int32_t is_reliable;
} ccld2_guess;

/// Guesses the language of `count` bytes of valid UTF-8.
ccld2_guess ccld2_detect(const uint8_t *bytes, int32_t count);

#ifdef __cplusplus
}
#endif
