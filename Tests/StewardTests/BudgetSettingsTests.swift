import Gateway
import Limits
import Testing

@testable import Steward

@Suite("Settings: prices and budgets")
struct BudgetSettingsTests {
    private static let models = """
        models:
          - name: priced
            price: {input: 0.15, output: "0.60", cached_input: 0.0375}
            upstreams: [{url: "http://h"}]
          - name: free
            price: {input: 0, output: 0}
            upstreams: [{url: "http://h", name: x}]
          - name: unpriced
            upstreams: [{url: "http://h", name: y}]

        """

    /// Catches a price of 0 for whoever forgot one: every setting that budgets money demands prices, no other does.
    @Test(
        "where money is budgeted, each model without a price is a problem at its line that says what to write",
        arguments: SettingsCatalogue.all.map(\.path).filter { $0.contains(".budget.") })
    func unpriced(path: String) throws {
        let isInMoney = path.contains("money")
        let budget = SettingsMatrixTests.yaml(path, isInMoney ? "10.50" : "1000")
        let problems = SettingsMatrixTests.problems(Self.models + budget)
        guard isInMoney else {
            #expect(problems.isEmpty, "\(problems)")
            return
        }
        let problem = try #require(problems.first)
        #expect(problems.count == 1, "\(problems)")
        #expect(problem.place == .file("steward.yaml", line: 8, column: 11))
        #expect(problem.message.contains("“unpriced”") && problem.message.contains("`\(path)`"))
        #expect(
            problem.advice.contains("price:") && problem.advice.contains("input") && problem.advice.contains("output"))
        // A variable budgets as well as the file does.
        let variable = try #require(SettingsCatalogue.byPath[path]).variable
        #expect(SettingsMatrixTests.problems(Self.models, environment: [variable: "1"]).count == 1)
        // And what is unlimited budgets nothing.
        #expect(SettingsMatrixTests.problems(Self.models + SettingsMatrixTests.yaml(path, "unlimited")).isEmpty)
    }

    @Test("prices and budgets are what the file says, to the last decimal")
    func assembled() throws {
        let settings = try SettingsLoader(environment: [:]).load(
            yaml: Self.models.split(separator: "  - name: unpriced")[0] + """

                limits:
                  currency: EUR
                  sandbox:
                    budget: {tokens_per_day: 5, money_per_month: 12.345678}
                    end_user: {budget: {money_per_day: "0.000001"}}
                  organisation:
                    budget: {tokens_per_month: 0}
                """, file: "steward.yaml")
        #expect(
            settings.models.map(\.prices) == [
                TokenPrices(
                    input: try TokenPrice(perMillion: "0.15"), output: try TokenPrice(perMillion: "0.6"),
                    cachedInput: try TokenPrice(perMillion: "0.0375")), .free,
            ])
        #expect(settings.currency == "EUR")
        let limits = settings.limits
        #expect(
            limits.sandbox.budget
                == BudgetSettings(tokensPerDay: 5, moneyPerMonth: Money(nanos: 12_345_678_000)))
        #expect(limits.sandboxUsers.limits.budget == BudgetSettings(moneyPerDay: Money(nanos: 1_000)))
        #expect(limits.organisation.budget == BudgetSettings(tokensPerMonth: 0))
        #expect(limits.production.budget == nil && limits.productionUsers.limits == .unlimited)
    }

    @Test("a price that changes is told as a change that a reload takes up")
    func changes() throws {
        let old = Self.models
        let changes = try SettingsChangesTests.changes(old, old.replacing(#""0.60""#, with: "0.61"))
        #expect(changes.applied.map(\.description) == ["models[priced].price.output: 0.60 → 0.61"])
        #expect(changes.pending.isEmpty)
        #expect(try SettingsChangesTests.changes(old, old.replacing(#""0.60""#, with: "0.6")).applied.isEmpty)
    }

    @Test("budgets of one's own are set by option, beside those that are there, and taken away by default")
    func options() throws {
        var limits = LimitSettings(tokensPerDay: 9)
        limits = try LimitOptions.parse(["--budget-money-per-month", "20"]).applied(to: limits, below: .unlimited)
        #expect(
            limits.budget == BudgetSettings(moneyPerMonth: Money(nanos: 20_000_000_000)) && limits.tokensPerDay == 9)
        limits = try LimitOptions.parse(["--budget-tokens-per-day", "7"]).applied(to: limits, below: .unlimited)
        #expect(limits.budget == BudgetSettings(tokensPerDay: 7, moneyPerMonth: Money(nanos: 20_000_000_000)))
        #expect(LimitsView(limits).budgetRows.map(\.1) == ["7", nil, nil, "20.00"])
        limits = try LimitOptions.parse(["--budget-money-per-month", "default", "--budget-tokens-per-day", "unlimited"])
            .applied(to: limits, below: .unlimited)
        #expect(limits == LimitSettings(tokensPerDay: 9))
        for wrong in ["-1", "1e3", "NaN", "0.0000001", "ten", ""] {
            #expect(throws: (any Error).self) { try LimitOptions.parse(["--budget-money-per-day=\(wrong)"]) }
        }
        let unpriced = try SettingsLoader(environment: [:]).load(yaml: Self.models, file: "steward.yaml")
        #expect(throws: (any Error).self) {
            try LimitOptions.parse(["--budget-money-per-day", "1"]).requirePrices(unpriced)
        }
        try LimitOptions.parse(["--budget-tokens-per-day", "1"]).requirePrices(unpriced)
    }
}
