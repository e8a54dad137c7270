import Foundation
import Testing

@testable import Steward

@Suite("Documents about settings")
struct DocumentTests {
    /// The repository's folder.
    static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    @Test("the reference is what `steward config reference` prints; UPDATE_GOLDEN=1 writes it")
    func reference() throws {
        let file = Self.root.appending(path: "docs/reference/configuration.md")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try SettingsReference.markdown.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try Self.text("docs/reference/configuration.md") == SettingsReference.markdown)
    }

    @Test("settings shown in the guide and for deployment are right")
    func examples() throws {
        let guide = try Self.text("docs/guides/serve-a-model.md")
        let blocks = guide.components(separatedBy: "```yaml\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(!blocks.isEmpty)
        let loader = SettingsLoader(environment: ["PROVIDER_KEY": "x", "UPSTREAM_KEY": "x"])
        for yaml in blocks + [try Self.text("deploy/steward.example.yaml")] {
            let settings = try loader.load(yaml: yaml, file: "steward.yaml")
            #expect(!settings.models.isEmpty)
        }
    }
}
