#include "CCLD2.h"

#include <cstdio>

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

ccld2_guess ccld2_detect(const uint8_t *bytes, int32_t count) {
    const CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
    CLD2::Language languages[3];
    int percents[3];
    double scores[3];
    int letterBytes = 0;
    bool isReliable = false;
    const CLD2::Language language = CLD2::ExtDetectLanguageSummary(
        reinterpret_cast<const char *>(bytes), count, /* is_plain_text */ true, &hints, /* flags */ 0, languages, percents,
        scores, nullptr, &letterBytes, &isReliable);
    if (language == CLD2::UNKNOWN_LANGUAGE || language == CLD2::TG_UNKNOWN_LANGUAGE) {
        return {"und", 0, letterBytes, 0};
    }
    return {CLD2::LanguageCode(language), percents[0], letterBytes, isReliable};
}
