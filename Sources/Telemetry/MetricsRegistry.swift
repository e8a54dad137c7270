internal import Snapshots

/// Every metric of the process, made once by name and rendered for Prometheus.
///
/// Names are written as in OpenTelemetry, with dots (`gen_ai.server.request.duration`), and rendered as its Prometheus
/// exporter does. Asking for the same metric twice gives the same one; asking for it with another kind, unit or other
/// labels is a mistake in the program.
package final class MetricsRegistry: Sendable {
    private struct Entry {
        let signature: String
        let family: any RenderedFamily
    }

    private struct State {
        var families: [String: Entry] = [:]
        /// Sample name to the family that writes it.
        var owners: [String: String] = [:]
    }

    // Held for a look-up or an insertion; rendering copies the families out first.
    private let state = Lock(State())
    private let defaultSeriesMax: Int
    private let overflows: MetricFamily<Counter>
    private let conflicts: Counter

    /// - Parameter seriesMax: how many combinations of label values a metric keeps, unless it says otherwise.
    package init(seriesMax: Int = 200) {
        defaultSeriesMax = seriesMax
        overflows = MetricFamily(
            name: "steward_metrics_label_overflows_total",
            help: "Look-ups of label values beyond a metric's bound, counted as other.",
            kind: .counter, labels: ["metric"], seriesMax: 1_000, overflows: Counter(), make: { Counter() })
        conflicts = Counter()
        let conflictFamily = MetricFamily(
            name: "steward_metrics_conflicts_total",
            help: "Metrics that a library asked for under a name taken by another kind, and that are not kept.",
            kind: .counter, labels: [], seriesMax: 1, overflows: Counter(), make: { [conflicts] in conflicts })
        _ = conflictFamily.with([])
        state.withLock { state in
            for family in [overflows, conflictFamily] {
                state.families[family.name] = Entry(signature: "reserved", family: family)
                state.owners[family.name] = family.name
            }
        }
    }

    // MARK: Families

    /// A metric that only grows; `_total` is added to its name.
    package func counters(
        _ name: String, unit: MetricUnit = .count, help: String, labels: [String], seriesMax: Int? = nil
    ) -> MetricFamily<Counter> {
        family(name, .counter, unit, help, labels, seriesMax) { Counter() }
    }

    package func gauges(
        _ name: String, unit: MetricUnit = .count, help: String, labels: [String], seriesMax: Int? = nil
    ) -> MetricFamily<Gauge> {
        family(name, .gauge, unit, help, labels, seriesMax) { Gauge() }
    }

    package func histograms(
        _ name: String, unit: MetricUnit, buckets: Buckets, help: String, labels: [String], seriesMax: Int? = nil
    ) -> MetricFamily<Histogram> {
        family(name, .histogram, unit, help, labels, seriesMax) { Histogram(buckets, unit: unit) }
    }

    // MARK: Metrics without labels

    package func counter(_ name: String, unit: MetricUnit = .count, help: String) -> Counter {
        counters(name, unit: unit, help: help, labels: []).with([])
    }

    package func gauge(_ name: String, unit: MetricUnit = .count, help: String) -> Gauge {
        gauges(name, unit: unit, help: help, labels: []).with([])
    }

    package func histogram(_ name: String, unit: MetricUnit, buckets: Buckets, help: String) -> Histogram {
        histograms(name, unit: unit, buckets: buckets, help: help, labels: []).with([])
    }

    /// A gauge that is read when somebody asks, such as the journal's size. `read` must not block.
    package func gauge(
        _ name: String, unit: MetricUnit = .count, help: String, read: @escaping @Sendable () -> Double
    ) {
        _ = family(name, .gauge, unit, help, [], 1) { ReadOnScrape(read: read) }.with([])
    }

    /// A counter that another part keeps and that is read when somebody asks.
    package func counter(
        _ name: String, unit: MetricUnit = .count, help: String, read: @escaping @Sendable () -> Double
    ) {
        _ = family(name, .counter, unit, help, [], 1) { ReadOnScrape(read: read) }.with([])
    }

    // MARK: Rendering

    /// The text of `/metrics`, format 0.0.4, UTF-8: families by name, series by label values.
    package func render() -> [UInt8] {
        let families = state.withLock { state in state.families.mapValues(\.family) }
        var text = TextBuffer()
        for (_, family) in families.sorted(by: { $0.key < $1.key }) {
            family.render(to: &text)
        }
        return text.bytes
    }

    /// What `render()` returns, as a header says it.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    // MARK: Registration

    private func family<Series: MetricSeries>(
        _ name: String, _ kind: MetricKind, _ unit: MetricUnit, _ help: String, _ labels: [String], _ seriesMax: Int?,
        make: @escaping @Sendable () -> Series
    ) -> MetricFamily<Series> {
        let found = familyIfFree(name, kind, unit, help, labels, seriesMax, make: make)
        guard let found else { preconditionFailure("metric \(name) was made before with another kind or labels") }
        return found
    }

    /// `nil` if the name, or a sample name made of it, belongs to a different metric.
    func familyIfFree<Series: MetricSeries>(
        _ name: String, _ kind: MetricKind, _ unit: MetricUnit, _ help: String, _ labels: [String], _ seriesMax: Int?,
        make: @escaping @Sendable () -> Series
    ) -> MetricFamily<Series>? {
        let rendered = MetricName.prometheus(name, kind, unit)
        let labels = labels.map(MetricName.label)
        let signature = "\(kind) \(unit) \(Series.self) \(labels)"
        return state.withLock { state in
            if let entry = state.families[rendered] {
                return entry.signature == signature ? entry.family as? MetricFamily<Series> : nil
            }
            let samples = kind.sampleNames(rendered)
            guard samples.allSatisfy({ state.owners[$0] == nil }) else { return nil }
            let made = MetricFamily(
                name: rendered, help: help, kind: kind, labels: labels, seriesMax: seriesMax ?? defaultSeriesMax,
                overflows: labels.isEmpty ? Counter() : overflows.with(rendered), make: make)
            for sample in samples { state.owners[sample] = rendered }
            state.families[rendered] = Entry(signature: signature, family: made)
            return made
        }
    }

    func countConflict() {
        conflicts.add()
    }
}
