/// A file of ours that pages refer to. Its address carries a digest of its content, so browsers keep it for good.
package struct Asset: Sendable {
    package let bytes: [UInt8]
    package let contentType: String
    package let path: String

    init(_ bytes: [UInt8], name: String, suffix: String, contentType: String) {
        self.bytes = bytes
        self.contentType = contentType
        path = "/assets/\(name).\(ContentDigest.hex(bytes)).\(suffix)"
    }

    static let stylesheet = Asset(
        PackageResources.steward_css, name: "steward", suffix: "css", contentType: "text/css; charset=utf-8")
    static let icon = Asset(
        PackageResources.steward_svg, name: "steward", suffix: "svg", contentType: "image/svg+xml")

    static let all = [stylesheet, icon]
}
