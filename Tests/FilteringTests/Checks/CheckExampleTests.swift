import Testing

@testable import Filtering

extension Check {
    func confirms(_ text: String) -> Bool {
        confirms(bytes: Array(text.utf8))
    }

    func confirms(bytes: [UInt8]) -> Bool {
        confirms(bytes.span)
    }
}

/// Numbers that the issuing bodies, standards or encyclopaedias print as examples.
@Suite("Checks accept published examples")
struct CheckExampleTests {
    static let published: [(Check, String)] = [
        (.card, "4111 1111 1111 1111"), (.card, "5555555555554444"), (.card, "3782-822463-10005"),
        (.card, "6011000990139424"), (.card, "3530111333300000"), (.card, "30569309025904"),
        (.card, "6759649826438453"),
        (.card, "2223003122003222"), (.card, "4222222222222"), (.card, "4111.1111.1111.1111"),
        (.card, "3782.822463.10005"), (.card, "4111  1111  1111  1111"), (.card, "4111 1111\r\n1111 1111"),
        (.card, "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"), (.cardInPieces, "4111\n1111\n1111\n1111"),
        (.cardInPieces, "4111_1111_1111_1111"), (.cardInPieces, "3782*822463*10005"),
        (.cardInPieces, "4111 · 1111 · 1111 · 1111"), (.cardInPieces, "4111\\1111\\1111\\1111"),
        (.cardInPieces, "41/11/11/11/11/11/11/11"), (.cardInPieces, "4111 - 1111 - 1111 - 1111"),
        (.iban, "GB29 NWBK 6016 1331 9268 19"), (.iban, "DE89370400440532013000"),
        (.iban, "FR14 2004 1010 0505 0001 3M02 606"), (.iban, "CH93 0076 2011 6238 5295 7"),
        (.iban, "NO93 8601 1117 947"),
        (.iban, "MT84MALT011000012345MTLCAST001S"), (.iban, "gb29nwbk60161331926819"),
        (.usSSN, "219-09-9998"), (.ukNINO, "AB 12 34 56 C"), (.ukNHS, "943 476 5919"), (.caSIN, "130 692 544"),
        (.auTFN, "123 456 782"), (.frNIR, "2 55 08 14 168 025 38"), (.esDNI, "12345678Z"), (.esDNI, "X1234567L"),
        (.ptNIF, "123456789"), (.itCodiceFiscale, "RSSMRA85T10A562S"), (.itCodiceFiscale, "MRTMTT91D08F205J"),
        (.nlBSN, "111222333"), (.nlBSN, "123456782"), (.beRRN, "85.07.30-033 28"), (.deSteuerID, "86 095 742 719"),
        (.deSteuerID, "47036892816"), (.deSteuerID, "65929970489"), (.atSVNR, "1237 010180"),
        (.chAHV, "756.9217.0769.85"), (.sePersonnummer, "811228-9874"), (.sePersonnummer, "19811228-9874"),
        (.fiHetu, "131052-308T"), (.balticCode, "37605030299"), (.plPESEL, "44051401359"), (.plPESEL, "02070803628"),
        (.trTCKN, "10000000146"), (.brCPF, "111.444.777-35"), (.brCPF, "529.982.247-25"),
        (.inAadhaar, "9999 4105 7058"),
        (.inPAN, "ABCPE1234F"), (.cnResidentID, "11010519491231002X"), (.cnResidentID, "440524188001010014"),
        (.sgNRIC, "S0000001I"), (.zaID, "8001015009087"), (.mxCURP, "HEGG560427MVZRRL04"),
        (.phoneE164, "+49 30 901820"), (.phoneE164, "+1 (202) 456-1111"), (.phoneE164, "+33 1 42 92 81 00"),
        (.phoneNational, "030 901820"), (.email, "ada.lovelace+work@mail.example.co.uk"), (.ipv4, "198.51.100.42"),
        (.ipv6, "2001:db8::8:800:200c:417a"), (.ipv6, "2001:db8:0:0:8:800:200c:417a"),
        (.birthDate, "1985-07-30"), (.birthDate, "30.07.1985"), (.birthDate, "07/30/85"), (.birthDate, "3. 7. 1985"),
    ]

    @Test("each is confirmed", arguments: published)
    func confirms(check: Check, text: String) {
        #expect(check.confirms(text))
    }

    static let wrong: [(Check, String)] = [
        (.card, "4111 1111 1111 1112"), (.card, "4111   1111 1111 1111"), (.card, "1234567812345670"),
        (.card, "4111.111111111111"), (.card, "411.111.111.111.111.1"), (.card, "4111\n1111\n1111\n1111"),
        (.card, "41111111  11111111"), (.card, "4  1  1  1  1  1  1  1  1  1  1  1  1  1  1  1"),
        (.cardInPieces, "4111 1111 1111 1111"), (.cardInPieces, "4 111 11 1 111 1111 11"),
        (.cardInPieces, "4111_1111_1111_1112"), (.cardInPieces, "41_11_11_11_11_11_11_11"),
        (.card, "4111_1111_1111_1111"), (.cardInPieces, "4111\n1111\n1111\n1112"), (.cardInPieces, "4111.111111111111"),
        (.card, "0000000000000000"), (.card, "41111111111111111111"),
        (.iban, "GB28 NWBK 6016 1331 9268 19"), (.iban, "DE8937040044053201300"), (.iban, "ZZ89370400440532013000"),
        (.usSSN, "000-12-3456"), (.usSSN, "666-12-3456"), (.usSSN, "912-12-3456"), (.usSSN, "123-00-4567"),
        (.usSSN, "123-45-0000"), (.usSSN, "078-05-1120"), (.ukNINO, "QQ 12 34 56 C"), (.ukNINO, "GB123456A"),
        (.ukNINO, "AB123456E"), (.ukNHS, "9434765918"), (.caSIN, "046 454 286"), (.frNIR, "255081416802539"),
        (.esDNI, "12345678A"), (.itCodiceFiscale, "RSSMRA85T10A562T"), (.itCodiceFiscale, "RSSMRA85Z10A562S"),
        (.nlBSN, "000000000"), (.beRRN, "85073003329"), (.deSteuerID, "86095742718"), (.deSteuerID, "12345678903"),
        (.chAHV, "757.9217.0769.85"), (.sePersonnummer, "811328-9874"), (.fiHetu, "131052-308U"),
        (.plPESEL, "44051401358"), (.brCPF, "111.111.111-11"), (.inAadhaar, "199941057058"),
        (.cnResidentID, "110105194912310021"), (.phoneE164, "+999 123 456 78"), (.phoneE164, "+49 30"),
        (.phoneNational, "000 000 000"), (.email, "icon@2x.png"), (.email, "a..b@example.org"), (.email, "a@b"),
        (.email, "user@-x.org"), (.ipv4, "192.168.20.40"), (.ipv4, "10.200.30.40"), (.ipv4, "127.0.0.1"),
        (.ipv4, "4.7.2.1"), (.ipv4, "300.100.50.20"), (.ipv4, "093.184.216.34"), (.ipv4, "93.184.216.0"),
        (.ipv6, "fe80::1"), (.ipv6, "::1"), (.ipv6, "2001:db8:::1"), (.ipv6, "2001:db8::8::1"), (.ipv6, "12:34:56"),
        (.ipv6, "2001:db8:0:0:8:800:200c:417a:1"), (.birthDate, "1985-02-30"), (.birthDate, "31.04.1985"),
        (.birthDate, "13/13/2001"), (.birthDate, "1.2"),
    ]

    @Test("a near miss is refused", arguments: wrong)
    func refuses(check: Check, text: String) {
        #expect(!check.confirms(text))
    }

    @Test("no check accepts, or fails on, what is no number at all", arguments: Check.allCases)
    func takesAnyBytes(check: Check) {
        for text in [
            "", " ", "-", "x", "@", ".", ":", "é", "\u{0}", "----------------", String(repeating: "9", count: 300),
        ] {
            #expect(!check.confirms(text), "\(check) \(text)")
        }
        var random = Seeded(state: 7)
        for length in 0..<600 {
            let bytes = (0..<length % 60).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = check.confirms(bytes: bytes)
        }
    }
}
