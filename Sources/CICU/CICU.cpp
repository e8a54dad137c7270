#include "CICU.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uspoof.h>

namespace {

/// ICU's own singletons, opened once; all are immutable and safe to share between threads.
struct Tables {
    const icu::Normalizer2 *nfkd = nullptr;
    const icu::Normalizer2 *nfd = nullptr;
    const icu::Normalizer2 *fold = nullptr;
    const USpoofChecker *spoof = nullptr;

    Tables() {
        UErrorCode status = U_ZERO_ERROR;
        nfkd = icu::Normalizer2::getNFKDInstance(status);
        nfd = icu::Normalizer2::getNFDInstance(status);
        fold = icu::Normalizer2::getNFKCCasefoldInstance(status);
        spoof = uspoof_open(&status);
        complete = U_SUCCESS(status);
    }

    bool complete = false;
};

const Tables &tables() {
    static const Tables shared;
    return shared;
}

/// What ASCII becomes in the skeleton view; the same as `Skeleton.ascii` of the engine.
UChar32 skeletonASCII(UChar32 c) {
    if (c >= 'A' && c <= 'Z') return c | 0x20;
    if (c == '0') return 'o';
    return c == '1' || c == '|' ? 'l' : c;
}

/// One decomposed code point as the views show it; -1 leaves it out.
UChar32 shown(UChar32 c) {
    if (c == 0x2212) return '-';
    if (c == 0x3002) return '.';
    const int32_t digit = u_charDigitValue(c);
    if (digit >= 0 && u_charType(c) == U_DECIMAL_DIGIT_NUMBER) return '0' + digit;
    switch (u_charType(c)) {
        case U_NON_SPACING_MARK:
        case U_ENCLOSING_MARK:
        case U_FORMAT_CHAR: return -1;
        case U_SPACE_SEPARATOR: return ' ';
        case U_LINE_SEPARATOR:
        case U_PARAGRAPH_SEPARATOR: return '\n';
        case U_CONTROL_CHAR: return c == 0x85 ? '\n' : -1;
        case U_DASH_PUNCTUATION: return '-';
        default: return u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ? -1 : c;
    }
}

void decompose(uint32_t c, icu::UnicodeString &text) {
    if (!tables().nfkd->getDecomposition(UChar32(c), text)) text.setTo(UChar32(c));
}

void skeleton(uint32_t c, icu::UnicodeString &text) {
    const Tables &t = tables();
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeString folded, prototype, refolded;
    t.fold->normalize(icu::UnicodeString(UChar32(c)), folded, status);
    uspoof_getSkeletonUnicodeString(t.spoof, 0, folded, prototype, &status);
    t.fold->normalize(prototype, refolded, status);
    refolded.findAndReplace(icu::UnicodeString("rn"), icu::UnicodeString("m"));
    t.nfd->normalize(refolded, text, status);
    if (U_FAILURE(status)) decompose(c, text);
}

}  // namespace

extern "C" int32_t cicu_ready(void) { return tables().complete ? 1 : 0; }

extern "C" int32_t cicu_map(uint32_t c, cicu_view view, uint8_t *bytes, int32_t capacity) {
    if (!tables().complete || capacity < 64) return -1;
    icu::UnicodeString text;
    if (view == CICU_NORMALISED) {
        decompose(c, text);
    } else {
        skeleton(c, text);
    }
    int32_t count = 0;
    bool same = true;
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
        UChar32 one = shown(text.char32At(i));
        if (view == CICU_SKELETON) one = skeletonASCII(one);
        if (view == CICU_FOLDED && one >= 'A' && one <= 'Z') one |= 0x20;
        same = same && one == UChar32(c);
        if (one < 0) continue;
        UBool error = false;
        U8_APPEND(bytes, count, capacity, one, error);
        if (error) break;
    }
    return same && text.countChar32() == 1 ? -1 : count;
}
