internal import Foundation

/// Asks a model server for the names of its models: one GET of `/v1/models`, at start, when none were given.
struct UpstreamModels: Sendable {
    let url: UpstreamURL
    let credential: CredentialText?

    /// - Parameter patience: How long a server that is still starting is asked again.
    /// - Throws: `CommandFailure`.
    func names(patience: Duration = .seconds(10)) async throws -> [String] {
        let deadline = ContinuousClock.now + patience
        var isWaiting = false
        while true {
            do {
                return try await ask()
            } catch let failure as CommandFailure where failure.code != .unavailable || ContinuousClock.now >= deadline
            {
                throw failure
            } catch let failure as CommandFailure {
                if !isWaiting {
                    Output.warn("\(failure.message) Waiting up to \(patience.components.seconds) s for it …")
                }
                isWaiting = true
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    private func ask() async throws -> [String] {
        let answer: SingleRequest.Answer
        do {
            answer = try await SingleRequest(url: url, path: "/v1/models", credential: credential).answer()
        } catch {
            throw CommandFailure(
                "The upstream at \(url.host):\(url.port) does not answer: \(SingleRequest.reason(error)). Start it first, "
                    + "or check --upstream.", .unavailable)
        }
        return try read(answer)
    }

    private func read(_ answer: SingleRequest.Answer) throws -> [String] {
        struct Listing: Decodable {
            struct Model: Decodable { let id: String }
            let data: [Model]
        }
        let place = "The upstream at \(url.host):\(url.port)"
        switch answer.status {
        case 200: break
        case 401, 403:
            throw CommandFailure(
                "\(place) wants another credential (\(answer.status)). Name it with --upstream-credential-env.",
                .configuration)
        case 404:
            throw CommandFailure("\(place) has no list of models. Name one with --upstream-model.", .configuration)
        default:
            throw CommandFailure("\(place) answers \(answer.status). Wait until it is ready.", .unavailable)
        }
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(answer.body)), !listing.data.isEmpty
        else {
            throw CommandFailure("\(place) lists no models. Name one with --upstream-model.", .configuration)
        }
        var names: [String] = []
        for model in listing.data where !names.contains(model.id) { names.append(model.id) }
        return names
    }
}
