/// The reference of all settings, made of the catalogue.
enum SettingsReference {
    static var markdown: String {
        """
        # Settings

        Steward reads `steward.yaml` in the working folder, or the file named by `--config`, or without that by the \
        variable `STEWARD_CONFIG`; then variables; then flags of `steward serve`. The later wins. `steward config check` \
        finds what is wrong, `steward config show` shows what holds and where it was made. This page is printed by \
        `steward config reference`.

        Times are written like `200ms`, `5s`, `2m`, `1h` or `7d`; sizes like `64KiB`, `32MiB`, `1GiB` or as a number of \
        bytes. Paths in the file are relative to the file. Lists in variables are separated by commas. A secret is never \
        written into the file: name a variable or a file that holds it.

        A process that serves reads all of this again when it is sent SIGHUP; the column *change* says what becomes of a \
        setting that is then another: `reload`, it holds from the next request on; `restart`, the process says so and keeps \
        the old one until it is started again. [How to change the configuration while serving](../operations.md#change-the-configuration-while-serving).

        \(sections)
        ## `models`

        A list, in the file alone. Without any, and without `--upstream`, the built-in rehearsal model is served.

        \(table(ModelCatalogue.wholeModel, withVariables: false))
        ### `models[].upstreams`

        The servers of a model: the lowest `priority` first, within it by `weight`.

        \(table(ModelCatalogue.wholeUpstream, withVariables: false))
        ## `judges`

        A list, in the file alone: who is asked for a second opinion. [How to ask for one](../guides/second-opinions.md).

        \(table(JudgeCatalogue.judge, withVariables: false))
        """
    }

    private static var sections: String {
        var names: [String] = []
        for setting in SettingsCatalogue.all where names.last != section(of: setting) {
            names.append(section(of: setting))
        }
        return names.map { name in
            "## `\(name)`\n\n"
                + table(SettingsCatalogue.all.filter { section(of: $0) == name }, withVariables: true)
        }.joined(separator: "\n")
    }

    private static func section(of setting: Setting) -> String {
        String(setting.path.prefix { $0 != "." })
    }

    private static func table(_ settings: [Setting], withVariables: Bool) -> String {
        let header =
            withVariables
            ? "| setting | value | default | change | variable | meaning |\n| --- | --- | --- | --- | --- | --- |\n"
            : "| setting | value | default | change | meaning |\n| --- | --- | --- | --- | --- |\n"
        return header
            + settings.map { setting in
                let fallback = setting.fallback.map { "`\($0)`" } ?? ""
                let variable = withVariables ? " `\(setting.variable)` |" : ""
                return
                    "| `\(setting.path)` | \(setting.kind.word) | \(fallback) | \(setting.uptake.rawValue) |\(variable) "
                    + "\(setting.summary) |\n"
            }.joined()
    }
}
