internal import HTTPTypes
package import Web

/// Why something can't be done with samples.
package enum SampleError: Error, Hashable, CustomStringConvertible {
    case unknown(SampleID)
    case textGone(SampleID)
    /// Of the text.
    case notOpened(SampleID)
    case noSeal
    case invalidReviewer
    /// With one that was perhaps meant.
    case unknownCategory(String, near: String?)
    /// The classifier gives the category no score; those that it does give one.
    case noScore(String, known: [String])
    /// A sample in which nothing was found, of which no category was named.
    case categoryNeeded(SampleID)
    /// Somebody has labelled it, or its text was erased, since it was read.
    case changed(SampleID, hasText: Bool)
    /// It may show the abuse of a child.
    case restricted(SampleID)

    package var description: String {
        switch self {
        case .unknown(let id): "There is no sample \(id). See `steward filter samples list`."
        case .textGone(let id): "The text of \(id) is gone: its time is over. What was said of it stays."
        case .notOpened(let id): "The text of \(id) was sealed under another key, or was changed."
        case .noSeal: "Texts of samples are sealed. Name their key under samples.key_env or samples.key_file."
        case .invalidReviewer: "A reviewer has a name of 1 to 64 visible characters. Write it after --reviewer."
        case .unknownCategory(let name, let near):
            "There is no category “\(name)”." + (near.map { " Did you mean “\($0)”?" } ?? "")
        case .noScore(let name, let known):
            "The classifier gives “\(name)” no score. It knows \(known.joined(separator: ", "))."
        case .categoryNeeded(let id): "Nothing was found in \(id). Name the category that is declined."
        case .changed(let id, let hasText):
            hasText
                ? "Somebody has labelled \(id) since it was read." : "The text of \(id) was erased since it was read."
        case .restricted(let id): "\(id) may show the abuse of a child. It is opened on the host alone."
        }
    }
}

extension SampleError: ProblemConvertible {
    package var problem: Problem {
        switch self {
        case .unknown(let id):
            Problem(
                .notFound, code: "unknown_sample", title: "There is no sample \(id).",
                detail: "Its time may be over. See GET /admin/v1/filter/samples.")
        case .textGone(let id):
            Problem(
                .gone, code: "text_gone", title: "The text of \(id) is gone.",
                detail: "It was erased, or its time is over. Take the next sample.")
        case .notOpened(let id):
            Problem(
                .conflict, code: "text_not_opened",
                title: "The text of \(id) was sealed under another key, or changed.",
                detail: "Ask the operator whether samples.key_env or samples.key_file names another key than before.")
        case .noSeal:
            Problem(
                .conflict, code: "no_samples_key", title: "This Steward has no key for texts of samples.",
                detail: "Ask the operator to name one under samples.key_env or samples.key_file.")
        case .invalidReviewer:
            Problem(
                .conflict, code: "invalid_reviewer", title: "The token's name can't stand for a reviewer.",
                detail: "Ask for a token with a name of 1 to 64 visible characters.")
        case .unknownCategory(let name, let near):
            Problem(
                .badRequest, code: "unknown_category", title: "There is no category “\(name.prefix(64))”.",
                detail: near.map { "Did you mean “\($0)”?" } ?? "Take one that a sample lists, such as pii.card.")
        case .noScore(let name, let known):
            Problem(
                .badRequest, code: "category_without_score",
                title: "The classifier gives “\(name.prefix(64))” no score.",
                detail: "Ask for one of \(known.joined(separator: ", ")).")
        case .categoryNeeded(let id):
            Problem(
                .badRequest, code: "category_needed", title: "Nothing was found in \(id).",
                detail: "Say with `category` what is declined, such as violence.")
        case .changed(let id, let hasText):
            Problem(
                .preconditionFailed, code: "sample_changed", title: description,
                detail: hasText
                    ? "Nothing was taken down. Read the sample again and send what you say with its new ETag, or with "
                        + "`If-Match: *` whatever others say."
                    : "Nothing was taken down for \(id). Take the next sample.")
        case .restricted(let id):
            Problem(
                .forbidden, code: "content_restricted", title: "\(id) may show the abuse of a child.",
                detail:
                    "Its text is not given out here, whatever the role. Whoever has a legal basis opens it on the host."
            )
        }
    }
}
