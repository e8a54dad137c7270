internal import ArgumentParser
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
                    try await open.samples.list(
                        SampleFilter(rule: rule, category: category), limit: lines, searchedMax: Self.searchedMax
                    ).samples
                }
                guard !format.json else { return Output.print(try Output.json(views)) }
                var table = Table(["SAMPLE", "SIDE", "WHY", "CATEGORIES", "LABELS"], rightAligned: ["LABELS"])
                for view in views {
                    table.add([
                        view.id, view.side, view.reason, view.categories.joined(separator: ", "),
                        "\(view.labels.count)",
                    ])
                }
                Output.print(views.isEmpty ? "There are no such samples.\n" : table.text)
            }

            private static let searchedMax = 1_000_000
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
                    let state = try await open.samples.store.state(of: id)
                    try await SamplePrinter(open: open, isOpened: opens, json: format.json).print(state)
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
                    let filter = SampleFilter(category: category, declined: declined)
                    guard let next = try await open.samples.next(for: reviewer, filter) else {
                        return Output.print("There is nothing left to judge.\n")
                    }
                    try await SamplePrinter(open: open, isOpened: opens, json: format.json).print(next)
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
                    try await open.samples.label(
                        SampleLabel(sample: id, category: category, reviewer: reviewer, judgement: says, at: .now),
                        in: PolicyTexts.read(open.settings.effective).taxonomy())
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
                let rules = try await store.withStore { try await $0.samples.precision() }
                guard !format.json else { return Output.print(try Output.json(rules)) }
                let numbers = ["SAMPLES", "JUDGED", "PRECISION", "95 % INTERVAL"]
                var table = Table(["RULE", "CATEGORY"] + numbers, rightAligned: Set(numbers))
                for rule in rules {
                    table.add(
                        [rule.rule, rule.category, "\(rule.samples)", "\(rule.judged)"]
                            + EstimateText.cells(rule.precision, rule.low, rule.high))
                }
                Output.print(rules.isEmpty ? "No rule found anything in a sample.\n" : table.text)
                for rule in rules where rule.proposesShadow {
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
                let rows = try await store.withStore { open in
                    let texts = try PolicyTexts.read(open.settings.effective)
                    return try await open.samples.thresholds(category, of: PolicyLoader.classifier(texts.classifier))
                }
                guard !format.json else { return Output.print(try Output.json(rows)) }
                let numbers = ["FALSE POSITIVES", "SCORE", "JUDGED", "PRECISION", "95 % INTERVAL", "RECALL"]
                var table = Table(numbers, rightAligned: Set(numbers))
                for row in rows {
                    table.add(
                        ["\(row.falsePositives)", EstimateText.share(row.score), "\(row.judged)"]
                            + EstimateText.cells(row.precision, row.low, row.high)
                            + [row.recall.map(EstimateText.share) ?? ""])
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
                try await store.withStore { try await $0.samples.store.forget(id) }
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
