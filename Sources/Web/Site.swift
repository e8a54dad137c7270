/// What all pages of a deployment share: name, navigation, version, layout.
package struct Site: Sendable {
    package struct Link: Sendable, Hashable {
        package let title: String
        package let path: String

        package init(_ title: String, _ path: String) {
            self.title = title
            self.path = path
        }
    }

    package private(set) var name: String
    package let version: String
    package let navigation: [Link]
    private let templates: Templates

    /// - Parameters:
    ///   - name: what the deployment calls itself.
    ///   - version: of the software, for the footer.
    ///   - navigation: in the order shown.
    /// - Throws: if one of our own templates cannot be parsed.
    package init(name: String = "Steward", version: String, navigation: [Link]) throws {
        self.name = name
        self.version = version
        self.navigation = navigation
        templates = try Templates([
            "layout": String(decoding: PackageResources.layout_mustache, as: UTF8.self),
            "problem": String(decoding: PackageResources.problem_mustache, as: UTF8.self),
        ])
    }

    /// The same under another name.
    package func named(_ name: String) -> Site {
        var site = self
        site.name = name
        return site
    }

    /// The whole document of a page at `path`.
    func document(_ page: Page, at path: String) -> [UInt8] {
        let view = LayoutView(
            title: page.title == name ? name : "\(page.title) – \(name)", site: name, version: version,
            stylesheet: Asset.stylesheet.path, icon: Asset.icon.path,
            links: navigation.map { link in
                LayoutView.Link(title: link.title, path: link.path, isCurrent: link.path == path)
            },
            main: page.main)
        return Array(templates.html("layout", view).text.utf8)
    }

    func page(for problem: Problem, requestID: String) -> Page {
        let view = ProblemView(
            title: problem.title, detail: problem.detail, code: problem.code, requestID: requestID,
            isNotFound: problem.status == .notFound)
        var page = Page(title: problem.title, main: templates.html("problem", view))
        page.status = problem.status
        page.headers = problem.headers
        return page
    }
}

private struct LayoutView {
    struct Link {
        let title: String
        let path: String
        let isCurrent: Bool
    }

    let title: String
    let site: String
    let version: String
    let stylesheet: String
    let icon: String
    let links: [Link]
    let main: SafeHTML
}

private struct ProblemView {
    let title: String
    let detail: String
    let code: String
    let requestID: String
    let isNotFound: Bool
}
