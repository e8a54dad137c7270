internal import Filtering
internal import HTTPTypes
package import Web

/// A sample as of one moment, with what was said of it.
package struct SampleState: Sendable {
    package let sample: Sample
    package let labels: [SampleLabel]
    /// Whether its text has not been erased.
    package let hasText: Bool

    /// Names this state: another label, or the text gone, is another.
    package var tag: EntityTag {
        let said = labels.map {
            "\($0.category)\u{0}\($0.reviewer)\u{0}\($0.judgement.rawValue)\u{0}\($0.at.microseconds)"
        }
        return EntityTag(of: Array("\(sample.id)\n\(hasText)\n\(said.joined(separator: "\n"))".utf8))
    }

    /// Whether it may show the abuse of a child: a rule found it, or a reviewer says so or is in doubt. None is drawn of the
    /// first kind.
    var isRestricted: Bool {
        sample.has(Self.restricted)
            || labels.contains { label in
                [.yes, .unsure].contains(label.judgement) && Category(Self.restricted).covers(Category(label.category))
            }
    }

    private static let restricted = "sexual.minors"
}

/// What a client says the sample was when it judged: `If-Match` (RFC 9110, section 13.1.1).
enum SampleCondition: Sendable, Hashable {
    /// `*`: whatever others say.
    case any
    case tags([String])

    init?(_ fields: HTTPFields) {
        let values = fields[values: .ifMatch].flatMap { $0.split(separator: ",") }
            .map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
        if values.isEmpty { return nil }
        self = values.contains("*") ? .any : .tags(values)
    }

    /// - Throws: `SampleError.changed`.
    func check(_ state: SampleState) throws(SampleError) {
        switch self {
        case .any: return
        case .tags(let tags):
            guard tags.contains(state.tag.description) else {
                throw .changed(state.sample.id, hasText: state.hasText)
            }
        }
    }
}
