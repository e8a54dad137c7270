internal import Filtering
internal import Moderation
internal import Storage

/// Prints one sample with its text.
struct SamplePrinter {
    let open: OpenStore
    let isOpened: Bool
    let json: Bool

    func print(_ state: SampleState) async throws {
        var view = SampleView(state.sample, state.labels)
        if let text = try await open.samples.text(of: state.sample.id, under: open.settings.sampleSeal()) {
            view = view.showing(text, isOpened: isOpened)
        }
        Output.print(json ? try Output.json(view) : Self.sheet(view))
    }

    private static func sheet(_ view: SampleView) -> String {
        var lines = [
            "\(view.id): \(view.side), \(view.stage), \(view.application), drawn as \(view.reason) "
                + "(1 of \(Int((1 / view.probability).rounded()))); verdict \(view.verdict)"
        ]
        for finding in view.findings {
            lines.append(
                "  \(finding.category) by \(finding.rule), \(finding.verdict), from \(finding.start) to \(finding.end)")
        }
        for label in view.labels {
            lines.append("  \(Table.visible(label.reviewer)) says of \(label.category): \(label.judgement)")
        }
        lines.append("")
        if let text = view.text {
            // A terminal must not obey what somebody wrote.
            lines.append(
                text.split(separator: "\n", omittingEmptySubsequences: false).map { Table.visible(String($0)) }
                    .joined(separator: "\n"))
            if view.isCut { lines.append("… (there was more)") }
            if view.isBlurred == true { lines += ["", "Open it with --open."] }
        } else {
            lines.append("Its text is erased.")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// Shares for tables.
enum EstimateText {
    /// Precision and its interval.
    static func cells(_ precision: Double?, _ low: Double, _ high: Double) -> [String] {
        guard let precision else { return ["", ""] }
        return [share(precision), "\(share(low)) to \(share(high))"]
    }

    /// With three digits behind the point.
    static func share(_ value: Double) -> String {
        let thousandths = Int((value * 1_000).rounded())
        let digits = String(thousandths % 1_000)
        return "\(thousandths / 1_000)." + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
}
