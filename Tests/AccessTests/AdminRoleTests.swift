import Foundation
import Testing

@testable import Access

@Suite("Roles of those who administer")
struct AdminRoleTests {
    /// Written a second time, so that nobody changes who may do what by accident.
    @Test(
        "may do what the table says, and nothing else",
        arguments: [
            (.reviewer, ["list_samples", "open_content", "label_samples", "read_precision"]),
            (
                .safetyAnalyst,
                [
                    "list_samples", "open_content", "label_samples", "read_precision", "read_thresholds",
                    "read_proposals", "forget_samples",
                ]
            ),
            (.auditor, ["read_precision", "read_thresholds", "read_proposals"]),
        ] as [(AdminRole, [String])])
    func table(role: AdminRole, expected: [String]) {
        #expect(AdminAction.allCases.filter(role.may).map(\.rawValue) == expected)
    }

    @Test("an administrator may do all, an auditor sees nothing that anybody wrote")
    func bounds() {
        #expect(AdminAction.allCases.allSatisfy(AdminRole.administrator.may))
        #expect(!AdminRole.auditor.may(.openContent) && !AdminRole.auditor.may(.listSamples))
        for action in AdminAction.allCases {
            #expect(AdminRole.those(whoMay: action).last == .administrator)
        }
    }

    @Test("have names that stand in stores and commands")
    func names() {
        #expect(AdminRole.allCases.map(\.rawValue) == ["reviewer", "safety-analyst", "auditor", "administrator"])
        #expect(Set(AdminAction.allCases.map(\.words)).count == AdminAction.allCases.count)
    }

    @Test("the guide shows the table")
    func guide() throws {
        let top = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let guide = try String(contentsOf: top.appending(path: "docs/guides/admin-tokens.md"), encoding: .utf8)
        #expect(guide.contains(AdminRole.markdown), "Put this into docs/guides/admin-tokens.md:\n\(AdminRole.markdown)")
    }
}
