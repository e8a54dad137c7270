/// A short list of header field names.
struct FieldNames: Sendable {
    private let names: [[UInt8]]

    init(_ names: Set<String>) {
        self.names = names.sorted().map { Array($0.utf8) }
    }

    /// Appends the fields of `head` that are in the list.
    func copy(from head: HeadFields, to fields: inout AnswerFields) {
        guard !names.isEmpty else { return }
        for field in head.fields {
            let count = Int(field.nameEnd - field.nameStart)
            for name in names where name.count == count {
                if head.name(of: field).elementsEqual(name) {
                    fields.append(name: head.name(of: field), value: head.value(of: field))
                }
            }
        }
    }
}
