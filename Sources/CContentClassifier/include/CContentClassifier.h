#pragma once
#include <stddef.h>
#include <stdint.h>

/// The content classifier that comes with Steward, as `steward filter train` wrote it: see Classifier/README.md. A constant.
const uint8_t *ccontent_classifier(size_t *count);
