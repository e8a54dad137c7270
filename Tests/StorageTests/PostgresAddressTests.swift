import Storage
import Testing

@Suite("Addresses of PostgreSQL")
struct PostgresAddressTests {
    @Test(
        "are shown as libpq reads them, without the password",
        arguments: [
            ("postgres://steward:hunter2@db/steward", "postgres://steward:[secret]@db/steward"),
            ("postgres://steward:hu?nter2@db/steward", "postgres://steward:[secret]@db/steward"),
            (
                "postgres://steward:hu?nter2@db:5433/steward?sslmode=verify-full",
                "postgres://steward:[secret]@db:5433/steward?sslmode=verify-full"
            ),
            ("postgres://steward@db/steward?pass%77ord=hunter2", "postgres://steward:[secret]@db/steward"),
            ("postgres://db/steward?user=steward&password=hunter2", "postgres://steward:[secret]@db/steward"),
            ("postgres://db/steward?sslpassword=hunter2&sslmode=require", "postgres://db/steward?sslmode=require"),
            ("postgres://:hunter2@db", "postgres://:[secret]@db"),
            ("postgresql://st%40eward@[::1]:5432/a%20b", "postgres://st%40eward@[::1]:5432/a%20b"),
            ("postgres://one:1,two:2/steward", "postgres://one:1,two:2/steward"),
            (
                "postgres:///steward?host=/run/postgresql&port=5433",
                "postgres:///steward?host=/run/postgresql&port=5433"
            ),
            ("postgres://", "postgres://"),
        ])
    func masks(_ text: String, _ shown: String) throws {
        let address = try PostgresAddress(text)
        #expect("\(address)" == shown)
        #expect(String(reflecting: address) == shown)
        #expect(PostgresAddress.masked(text) == shown)
        #expect(!shown.contains("hunter") && !shown.contains("nter2"))
    }

    /// What stands behind a `/` or an `@` of the password is host, port or name to libpq, which error messages show.
    @Test(
        "with a password that libpq reads otherwise are refused and not shown",
        arguments: [
            "postgres://steward:hun/ter2@db/steward", "postgres://steward:12/ter2@db/steward",
            "postgres://steward:hun@ter2@db/steward", "postgres://db:hunter2/steward", "mysql://a:hunter2@b",
        ])
    func refuses(_ text: String) {
        #expect(throws: PostgresAddress.Complaint.self) { try PostgresAddress(text) }
        #expect(!PostgresAddress.masked(text).contains("ter2"))
    }
}
