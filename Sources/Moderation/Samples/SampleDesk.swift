package import Filtering
internal import Storage

/// What can be done with samples, for commands and for the API alike.
package struct SampleDesk: Sendable {
    package let store: SampleStore

    package init(store: SampleStore) { self.store = store }

    /// Samples with what was said of them, and where to go on.
    package struct Listing: Sendable, Encodable {
        package let samples: [SampleView]
        /// Ask for those before this id; `nil` where there are no more.
        package let next: String?
    }

    /// Those that match, the latest first; never their texts.
    ///
    /// - Parameters:
    ///   - id: Those before it; `nil` for the latest.
    ///   - searchedMax: How many are looked at. Fewer than `limit` may come, and yet more be left.
    package func list(
        _ filter: SampleFilter, before id: SampleID? = nil, limit: Int, searchedMax: Int
    ) async throws -> Listing {
        var (found, searched) = ([Sample](), 0)
        var next: SampleID? = id ?? SampleID(high: .max, low: .max)
        while let place = next, found.count < limit, searched < searchedMax {
            let due = min(Self.chunk, searchedMax - searched)
            let chunk = try await store.list(before: place, waitingFor: filter.reviewer, limit: due)
            searched += chunk.count
            next = chunk.count < due ? nil : chunk.last?.id
            for sample in chunk where filter.matches(sample) {
                found.append(sample)
                guard found.count == limit else { continue }
                if sample.id != chunk.last?.id { next = sample.id }
                break
            }
        }
        guard let last = found.last, let first = found.first else {
            return Listing(samples: [], next: next?.description)
        }
        let labels = Dictionary(grouping: try await store.labels(from: last.id, through: first.id), by: \.sample)
        return Listing(
            samples: found.map { SampleView($0, labels[$0.id] ?? []) }, next: next?.description)
    }

    /// The oldest that matches and that the reviewer has not judged; `nil` where there is nothing left.
    package func next(for reviewer: String, _ filter: SampleFilter) async throws -> SampleState? {
        var place = SampleID(high: 0, low: 0)
        while true {
            let chunk = try await store.waiting(for: reviewer, after: place, limit: Self.chunk)
            for sample in chunk where filter.matches(sample) {
                let state = try await store.state(of: sample.id)
                if !state.isRestricted { return state }
            }
            guard chunk.count == Self.chunk, let last = chunk.last else { return nil }
            place = last.id
        }
    }

    /// `nil` once it is erased.
    ///
    /// - Throws: `SampleError.noSeal`, `.unknown`, `.notOpened`; `StorageError`.
    package func text(of id: SampleID, under seal: SampleSeal?) async throws -> String? {
        guard let seal else { throw SampleError.noSeal }
        do {
            return String(decoding: try await store.text(of: id, under: seal), as: UTF8.self)
        } catch SampleError.textGone {
            return nil
        }
    }

    /// Takes down what a reviewer says of one category in a sample.
    ///
    /// - Throws: `SampleError.unknownCategory`, `.unknown`, `.invalidReviewer`; `StorageError`.
    package func label(_ label: SampleLabel, in taxonomy: Taxonomy) async throws {
        try await self.label(label, in: taxonomy, if: .any)
    }

    /// - Throws: as above; `SampleError.changed`.
    @discardableResult
    func label(_ label: SampleLabel, in taxonomy: Taxonomy, if condition: SampleCondition) async throws -> SampleState {
        try Self.check(label.category, in: taxonomy)
        return try await store.label(label.sample, [label], if: condition.check)
    }

    /// Takes down that a reviewer does not want to judge a sample: a category, or all that something was found of.
    ///
    /// - Throws: as above; `SampleError.categoryNeeded`.
    func decline(
        _ id: SampleID, _ category: String?, for reviewer: String, in taxonomy: Taxonomy, at time: Timestamp
    ) async throws -> SampleState {
        var categories: [String] = []
        if let category {
            try Self.check(category, in: taxonomy)
            categories = [category]
        } else {
            categories = try await store.find(id).categories
        }
        guard !categories.isEmpty else { throw SampleError.categoryNeeded(id) }
        let labels = categories.map {
            SampleLabel(sample: id, category: $0, reviewer: reviewer, judgement: .declined, at: time)
        }
        return try await store.label(id, labels) { _ in }
    }

    static func check(_ category: String, in taxonomy: Taxonomy) throws(SampleError) {
        guard taxonomy[Category(category)] == nil else { return }
        // How far apart long words are takes long to tell.
        let near =
            category.utf8.count > 64
            ? nil : Suggestion.nearest(to: category, among: taxonomy.entries.map(\.id.rawValue))
        throw .unknownCategory(category, near: near)
    }

    /// How often each rule is right.
    package func precision() async throws -> [PrecisionView] {
        RulePrecision.all(try await store.list(limit: Self.samplesMax), try await store.labels()).map(
            PrecisionView.init)
    }

    /// Rules that are wrong more often than right, for the shadow list of the policy file.
    package func proposals() async throws -> [PrecisionView] {
        try await precision().filter(\.proposesShadow)
    }

    /// What each threshold of a category's score would find, and how much of it is right.
    ///
    /// - Throws: `SampleError.noScore`; `StorageError`.
    package func thresholds(_ category: String, of model: ClassifierModel) async throws -> [ThresholdView] {
        guard let head = model.heads.firstIndex(where: { $0.category.rawValue == category }) else {
            throw SampleError.noScore(category, known: model.heads.map(\.category.rawValue))
        }
        let thresholds = model.heads[head].thresholds
        let estimates = ThresholdPrecision.all(
            category, thresholds.map { model.probability(head, score: $0.score) },
            try await store.list(limit: Self.samplesMax), try await store.labels())
        return zip(thresholds, estimates).map { ThresholdView($0.rate, $1) }
    }

    private static let chunk = 500
    private static let samplesMax = 1_000_000
}
