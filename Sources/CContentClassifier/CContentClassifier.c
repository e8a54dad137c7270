#include "CContentClassifier.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t bytes[] = {
#embed "content.classifier"
};

const uint8_t *ccontent_classifier(size_t *count) {
    *count = sizeof bytes;
    return bytes;
}
