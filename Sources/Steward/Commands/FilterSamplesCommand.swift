internal import ArgumentParser
internal import Filtering
internal import Moderation
internal import Storage

extension FilterCommand {
    /// `steward filter samples`
    struct Samples: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judge texts that were drawn from traffic, and see how often rules are right.",
            discussion: """
                Texts are drawn where `samples.key_env` or `samples.key_file` is set, and sealed under that key. What \
                reviewers say of them tells each rule's precision, with an interval.

                EXAMPLES
                  steward filter samples next --reviewer jane
                  steward filter samples label smp_01jdb3k6y8v4m2n7q9r5s1t3w6 --category pii.email --says no --reviewer jane
                  steward filter samples precision
                """,
            subcommands: [List.self, Show.self, Next.self, Label.self, Precision.self, Thresholds.self, Forget.self])

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "List samples, the latest first; never their texts.")

            @Option(name: [.customShort("n"), .long], help: "How many.")
            var lines = 50

            @Option(help: "Only those in which this rule found something.")
            var rule: String?

            @Option(help: "Only those in which something of this category was found.")
            var category: String?

            @OptionGroup var store: StoreOptions
            @OptionGroup var format: FormatOptions

            func validate() throws {
                guard (1...1_000_000).contains(lines) else {
                    throw ValidationError("-n is a number from 1 to 1000000.")
                }
            }

            func run() async throws {
                let views = try await store.withStore { open in
                    let labels = Dictionary(grouping: try await open.samples.labels(), by: \.sample)
                    return try await open.samples.list(limit: Self.searchedMax)
                        .filter { sample in
                            (rule.map { rule in sample.findings.contains { $0.rule == rule } } ?? true)
                                && (category.map { Self.names($0, sample) } ?? true)
                        }
                        .prefix(lines).map { SampleView($0, labels[$0.id] ?? []) }
                }
                guard !format.json else { return Output.print(try Output.json(Array(views))) }
                var table = Table(["SAMPLE", "SIDE", "WHY", "CATEGORIES", "LABELS"], rightAligned: ["LABELS"])
                for view in views {
                    table.add([
                        view.id, view.side, view.reason, view.categories.joined(separator: ", "),
                        "\(view.labels.count)",
                    ])
                }
                Output.print(views.isEmpty ? "There are no such samples.\n" : table.text)
            }

            private static let searchedMax = 100_000

            private static func names(_ category: String, _ sample: Sample) -> Bool {
                sample.categories.contains { Category(category).covers(Category($0)) }
            }
        }

        struct Show: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show one sample; its text blurred, until it is opened.")

            @Argument(help: "Its id.")
            var id: String

            @Flag(name: .customLong("open"), help: "Show its text as it is.")
            var opens = false

            @OptionGroup var store: StoreOptions
            @OptionGroup var format: FormatOptions

            func run() async throws {
                let id = try SampleArgument.id(id)
                try await store.withStore { open in
                    let sample = try await open.samples.find(id)
                    let labels = try await open.samples.labels().filter { $0.sample == id }
                    try await SamplePrinter(open: open, isOpened: opens, json: format.json).print(sample, labels)
                }
            }
        }

        struct Next: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Show the next sample that a reviewer has not judged.",
                discussion: """
                    The oldest first. Whoever does not want to see a category leaves it out with --not, as often as need \
                    be, without a reason.
                    """)

            @Option(help: "Who judges.")
            var reviewer: String

            @Option(help: "Only those in which something of this category was found.")
            var category: String?

            @Option(name: .customLong("not"), help: "None in which something of this category was found.")
            var declined: [String] = []

            @Flag(name: .customLong("open"), help: "Show its text as it is.")
            var opens = false

            @OptionGroup var store: StoreOptions
            @OptionGroup var format: FormatOptions

            func run() async throws {
                try await store.withStore { open in
                    let labels = Dictionary(grouping: try await open.samples.labels(), by: \.sample)
                    let next = try await open.samples.list(limit: 100_000).last { sample in
                        let isDone = (labels[sample.id] ?? []).contains { $0.reviewer == reviewer }
                        func has(_ name: String) -> Bool {
                            sample.categories.contains { Category(name).covers(Category($0)) }
                        }
                        return !isDone && (category.map(has) ?? true) && !declined.contains(where: has)
                    }
                    guard let next else { return Output.print("There is nothing left to judge.\n") }
                    let printer = SamplePrinter(open: open, isOpened: opens, json: format.json)
                    try await printer.print(next, labels[next.id] ?? [])
                }
            }
        }

        struct Label: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Take down what a reviewer says of one category in a sample.",
                discussion: "What the same reviewer said before of it is replaced.")

            @Argument(help: "The sample's id.")
            var id: String

            @Option(help: "The category.")
            var category: String

            @Option(help: ArgumentHelp("`yes`, `no`, `unsure` or `declined`.", valueName: "judgement"))
            var says: SampleLabel.Judgement

            @Option(help: "Who judges.")
            var reviewer: String

            @OptionGroup var store: StoreOptions

            func run() async throws {
                let id = try SampleArgument.id(id)
                try await store.withStore { open in
                    let taxonomy = try PolicyTexts.read(open.settings.effective).taxonomy()
                    guard taxonomy[Category(category)] != nil else {
                        let near = Suggestion.nearest(to: category, among: taxonomy.entries.map(\.id.rawValue))
                        throw CommandFailure(
                            "There is no category “\(category)”." + (near.map { " Did you mean “\($0)”?" } ?? ""),
                            .usage)
                    }
                    try await open.samples.label(
                        SampleLabel(sample: id, category: category, reviewer: reviewer, judgement: says, at: .now))
                }
            }
        }

        struct Precision: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Estimate how often each rule is right.",
                discussion: """
                    Each sample counts for as many texts as it stands for. What reviewers do not agree about is left out. \
                    Rules that are wrong more often than right, after ten judgements or more, are named for the shadow list \
                    of the policy file.
                    """)

            @OptionGroup var store: StoreOptions
            @OptionGroup var format: FormatOptions

            func run() async throws {
                let rules = try await store.withStore { open in
                    RulePrecision.all(try await open.samples.list(limit: 1_000_000), try await open.samples.labels())
                }
                guard !format.json else { return Output.print(try Output.json(rules.map(PrecisionView.init))) }
                let numbers = ["SAMPLES", "JUDGED", "PRECISION", "95 % INTERVAL"]
                var table = Table(["RULE", "CATEGORY"] + numbers, rightAligned: Set(numbers))
                for rule in rules {
                    table.add(
                        [rule.rule, rule.category, "\(rule.samples)", "\(rule.estimate.judged)"]
                            + EstimateText.cells(rule.estimate))
                }
                Output.print(rules.isEmpty ? "No rule found anything in a sample.\n" : table.text)
                for rule in rules where rule.isForShadow {
                    Output.print("\nPut \(rule.rule) on the shadow list: it is wrong more often than right.\n")
                }
            }
        }

        struct Thresholds: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Estimate what each threshold of a score would find, and how much of it is right.",
                discussion: "A rule names one of these rates under `false_positives`.")

            @Option(help: "The category of the score, such as `hate`.")
            var category: String

            @OptionGroup var store: StoreOptions
            @OptionGroup var format: FormatOptions

            func run() async throws {
                let (head, estimates) = try await store.withStore { open in
                    let texts = try PolicyTexts.read(open.settings.effective)
                    let model = try PolicyLoader.classifier(texts.classifier)
                    guard let head = model.heads.firstIndex(where: { $0.category.rawValue == category }) else {
                        let known = model.heads.map(\.category.rawValue).joined(separator: ", ")
                        throw CommandFailure("The classifier gives “\(category)” no score. It knows \(known).", .usage)
                    }
                    let thresholds = model.heads[head].thresholds.map { model.probability(head, score: $0.score) }
                    return (
                        model.heads[head],
                        ThresholdPrecision.all(
                            category, thresholds, try await open.samples.list(limit: 1_000_000),
                            try await open.samples.labels())
                    )
                }
                let rows = zip(head.thresholds, estimates).map { ThresholdView($0.rate, $1) }
                guard !format.json else { return Output.print(try Output.json(rows)) }
                let numbers = ["FALSE POSITIVES", "SCORE", "JUDGED", "PRECISION", "95 % INTERVAL", "RECALL"]
                var table = Table(numbers, rightAligned: Set(numbers))
                for (row, estimate) in zip(rows, estimates) {
                    table.add(
                        ["\(row.falsePositives)", EstimateText.share(row.score), "\(row.judged)"]
                            + EstimateText.cells(estimate.estimate) + [estimate.recall.map(EstimateText.share) ?? ""])
                }
                Output.print(table.text)
            }
        }

        struct Forget: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Erase the text of a sample before its time.",
                discussion: "Of one that nobody has judged, everything is erased.")

            @Argument(help: "Its id.")
            var id: String

            @OptionGroup var store: StoreOptions

            func run() async throws {
                let id = try SampleArgument.id(id)
                try await store.withStore { try await $0.samples.forget(id) }
            }
        }
    }
}

extension SampleLabel.Judgement: ExpressibleByArgument {}

private enum SampleArgument {
    static func id(_ text: String) throws -> SampleID {
        guard let id = SampleID(text) else {
            throw CommandFailure(
                "“\(Table.visible(text))” is no sample's id. See `steward filter samples list`.", .usage)
        }
        return id
    }
}
