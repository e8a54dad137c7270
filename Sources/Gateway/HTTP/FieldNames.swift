/// A short list of header field names.
struct FieldNames: Sendable {
    private let names: [[UInt8]]

    init(_ names: Set<String>) {
        self.names = names.sorted().map { Array($0.utf8) }
    }

    /// Appends the fields of `head` that are in the list.
    func copy(from head: HeadFields, to fields: inout AnswerFields) {
        guard !names.isEmpty else { return }
        head.bytes.withUnsafeBufferPointer { bytes in
            for field in head.fields {
                let name = UnsafeBufferPointer(rebasing: bytes[Int(field.nameStart)..<Int(field.nameEnd)])
                guard holds(name) else { continue }
                let value = UnsafeBufferPointer(rebasing: bytes[Int(field.valueStart)..<Int(field.valueEnd)])
                fields.append(name: name, value: value)
            }
        }
    }

    private func holds(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        for index in names.indices where names[index].count == name.count {
            if names[index].elementsEqual(name) { return true }
        }
        return false
    }
}
