internal import Snapshots

/// One metric with its label names, and a series for each combination of label values seen.
///
/// Ask for a series once (when a configuration is loaded, when a connection opens) and keep it: a look-up takes a lock
/// and a hash, the series itself is a bare atomic. At most `seriesMax` combinations are kept; every further one shares a
/// series whose label values are all `other`, and is counted in `steward_metrics_label_overflows_total`.
package final class MetricFamily<Series: Sendable>: Sendable {
    let name: String
    let help: String
    let kind: MetricKind
    let labels: [String]
    let seriesMax: Int
    private let make: @Sendable () -> Series
    private let overflows: Counter
    // Held for one dictionary look-up; the scrape copies the dictionary out.
    private let series = Lock<[[String]: Series]>([:])

    init(
        name: String, help: String, kind: MetricKind, labels: [String], seriesMax: Int, overflows: Counter,
        make: @escaping @Sendable () -> Series
    ) {
        precondition(seriesMax > 0, "\(name): at least one series is needed")
        precondition(Set(labels).count == labels.count, "\(name): a label is named twice")
        (self.name, self.help, self.kind, self.labels, self.seriesMax) = (name, help, kind, labels, seriesMax)
        (self.make, self.overflows) = (make, overflows)
    }

    /// The series with these label values, in the order of the family's label names.
    ///
    /// - Precondition: as many values as labels.
    package func with(_ values: String...) -> Series {
        with(values)
    }

    package func with(_ values: [String]) -> Series {
        precondition(values.count == labels.count, "\(name) has the labels \(labels), not \(values.count)")
        return series.withLock { known in
            if let found = known[values] { return found }
            // The shared series is one more than `seriesMax`, so that it always has a place.
            let isFull = !values.isEmpty && known.count >= seriesMax
            let key = isFull ? values.map { _ in Self.other } : values
            if isFull { overflows.add() }
            if let found = known[key] { return found }
            let made = make()
            known[key] = made
            return made
        }
    }

    /// All series in the order of their label values.
    var readings: [(values: [String], series: Series)] {
        series.withLock { $0 }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { ($0.key, $0.value) }
    }

    static var other: String { "other" }
}
