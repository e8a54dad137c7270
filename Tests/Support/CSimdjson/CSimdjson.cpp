#include "CSimdjson.h"

#include <cstring>
#include <simdjson.h>
#include <string>
#include <string_view>

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

void dump_string(std::string_view text, std::string &output) {
    output += 's';
    output += std::to_string(text.size());
    output += ':';
    output += text;
}

void dump(element value, std::string &output) {
    switch (value.type()) {
    case element_type::ARRAY:
        output += '[';
        for (element child : simdjson::dom::array(value)) dump(child, output);
        output += ']';
        break;
    case element_type::OBJECT:
        output += '{';
        for (auto field : simdjson::dom::object(value)) {
            dump_string(field.key, output);
            dump(field.value, output);
        }
        output += '}';
        break;
    case element_type::INT64:
        output += 'i' + std::to_string(int64_t(value)) + ';';
        break;
    case element_type::UINT64:
        output += 'i' + std::to_string(uint64_t(value)) + ';';
        break;
    case element_type::DOUBLE: {
        double number = double(value);
        uint64_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        output += 'd' + std::to_string(bits) + ';';
        break;
    }
    case element_type::STRING:
        dump_string(std::string_view(value), output);
        break;
    case element_type::BOOL:
        output += bool(value) ? 't' : 'f';
        break;
    case element_type::NULL_VALUE:
        output += 'n';
        break;
    }
}

} // namespace

int32_t csimdjson_dump(const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *written) {
    static thread_local simdjson::dom::parser parser;
    simdjson::padded_string padded(reinterpret_cast<const char *>(bytes), count);
    element root;
    auto error = parser.parse(padded).get(root);
    if (error) return int32_t(error);
    std::string text;
    dump(root, text);
    if (text.size() > capacity) return -1;
    std::memcpy(output, text.data(), text.size());
    *written = text.size();
    return 0;
}
