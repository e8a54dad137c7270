internal import Foundation

/// What a running gateway tells of its upstreams, as the command prints it.
struct UpstreamsView: Codable, Hashable {
    struct Model: Codable, Hashable {
        let name: String
        let retriesLeft: Int
        let upstreams: [Upstream]
    }

    struct Upstream: Codable, Hashable {
        let name: String
        let url: String
        let priority: Int
        let weight: Int
        let inFlight: Int
        let queued: Int
        let requests: Int
        let failures: Int
        let state: String
        let secondsLeft: Double?
        let secondsSince: Double?
        let lastFailure: Failure?
    }

    struct Failure: Codable, Hashable {
        let code: String
        let secondsAgo: Double
    }

    let windowSeconds: Double
    let models: [Model]

    /// - Throws: `CommandFailure`.
    static func fetch(from address: UpstreamURL) async throws -> UpstreamsView {
        let place = "\(address.usesTLS ? "https" : "http")://\(address.host):\(address.port)"
        let answer: SingleRequest.Answer
        do {
            answer = try await SingleRequest(url: address, path: "/upstreams").answer()
        } catch {
            throw CommandFailure(
                "No gateway answers at \(place): \(SingleRequest.reason(error)). Start `steward serve`, or say where its "
                    + "telemetry listens by --ready-file or --telemetry.", .unavailable)
        }
        guard answer.status == 200, let view = try? read(answer.body) else {
            throw CommandFailure(
                "What answers at \(place) (\(answer.status)) is no telemetry listener of this version of Steward. Say where "
                    + "it is by --ready-file or --telemetry.", .unavailable)
        }
        return view
    }

    static func read(_ json: [UInt8]) throws -> UpstreamsView {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(UpstreamsView.self, from: Data(json))
    }

    /// A table, and what does not fit into it.
    var text: String {
        let numbers = ["PRIORITY", "WEIGHT", "IN FLIGHT", "QUEUED", "REQUESTS", "FAILED"]
        var table = Table(
            ["MODEL", "UPSTREAM", "ADDRESS", "STATE"] + numbers + ["LAST FAILURE"], rightAligned: Set(numbers))
        for model in models {
            for upstream in model.upstreams {
                let numbers = [
                    upstream.priority, upstream.weight, upstream.inFlight, upstream.queued, upstream.requests,
                    upstream.failures,
                ]
                table.add(
                    [model.name, upstream.name, upstream.url, upstream.stateText] + numbers.map { String($0) }
                        + [upstream.lastFailure.map { "\($0.code), \(Self.time($0.secondsAgo)) ago" } ?? ""])
            }
        }
        let budgets = models.map { "\(Table.visible($0.name)) \($0.retriesLeft)" }.joined(separator: ", ")
        return table.text + "\nRequests and failures are those of the last \(Self.time(windowSeconds)).\n"
            + "Retries left: \(budgets).\n"
    }

    /// In one unit, as short as it is clear.
    static func time(_ seconds: Double) -> String {
        switch seconds {
        case ..<120: "\(Int(seconds.rounded(.up))) s"
        case ..<7_200: "\(Int(seconds / 60)) min"
        default: "\(Int(min(seconds / 3_600, 1e6))) h"
        }
    }
}

extension UpstreamsView.Upstream {
    fileprivate var stateText: String {
        var text = state.replacing("_", with: " ")
        if let secondsLeft { text += ", \(UpstreamsView.time(secondsLeft)) left" }
        if let secondsSince { text += " for \(UpstreamsView.time(secondsSince))" }
        return text
    }
}
