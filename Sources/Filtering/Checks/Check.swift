/// Confirms, by arithmetic or shape, what a pattern found; named in rule files by its raw value.
///
/// A candidate is what the pattern matched, in bytes of the normalised view. Checks take any bytes, allocate nothing
/// that grows with more than the candidate, and say no to what they don't know. Each names the source of its formula.
package enum Check: String, CaseIterable, Sendable, Hashable {
    case card
    case cardInPieces = "card_in_pieces"
    case iban
    case usSSN = "us_ssn"
    case ukNINO = "uk_nino"
    case ukNHS = "uk_nhs"
    case caSIN = "ca_sin"
    case auTFN = "au_tfn"
    case frNIR = "fr_nir"
    case esDNI = "es_dni"
    case ptNIF = "pt_nif"
    case itCodiceFiscale = "it_codice_fiscale"
    case nlBSN = "nl_bsn"
    case beRRN = "be_rrn"
    case deSteuerID = "de_steuer_id"
    case atSVNR = "at_svnr"
    case chAHV = "ch_ahv"
    case sePersonnummer = "se_personnummer"
    case noFodselsnummer = "no_fodselsnummer"
    case fiHetu = "fi_hetu"
    case balticCode = "baltic_code"
    case plPESEL = "pl_pesel"
    case trTCKN = "tr_tckn"
    case brCPF = "br_cpf"
    case inAadhaar = "in_aadhaar"
    case inPAN = "in_pan"
    case cnResidentID = "cn_resident_id"
    case krRRN = "kr_rrn"
    case sgNRIC = "sg_nric"
    case zaID = "za_id"
    case mxCURP = "mx_curp"
    case phoneE164 = "phone_e164"
    case phoneNational = "phone_national"
    case email
    case ipv4
    case ipv6
    case birthDate = "birth_date"
    case githubToken = "github_token_crc32"
    case npmToken = "npm_token_crc32"
    case gitlabRoutable = "gitlab_routable_crc32"
    case grafanaToken = "grafana_token_crc32"
    case awsKeyID = "aws_key_id"
    case jwt
    case entropy
    case entropyMixed = "entropy_mixed"
    case password
    case credential
    case setting
    case pair
    case urlPassword = "url_password"
    case basicCredentials = "basic_credentials"
    case token

    /// The part of a candidate that is valid, up to its end, as offsets in it; `nil` if none is.
    ///
    /// A pattern may take in too much on the left (the 12 of `12 4111 1111 1111 1111`), so later beginnings are tried at
    /// words, eight at most. Of an assignment the value alone is confirmed.
    package func confirm(_ candidate: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        let bytes = candidate.span
        if let secretPlace {
            let value = SecretValue(bytes, in: secretPlace)
            return value.confirms(self, bytes) ? value.range : nil
        }
        if self == .card || self == .cardInPieces {
            return Self.cardPart(of: bytes, inPieces: self == .cardInPieces)
        }
        if confirms(bytes) { return 0..<bytes.count }
        return confirmLater(bytes)
    }

    /// Whether it looks at the value of an assignment.
    var isOfValue: Bool { secretPlace.map { $0 != .whole } ?? false }

    /// Where in a candidate the value stands that it looks at; `nil` for what is not judged as such.
    var secretPlace: SecretValue.Place? {
        switch self {
        case .entropy, .entropyMixed: .key
        case .password, .credential: .password
        case .setting: .setting
        case .pair: .pair
        case .token: .whole
        default: nil
        }
    }

    /// Whether what it confirms begins with a digit, whatever stands before that in the candidate.
    var beginsWithDigit: Bool { self == .card || self == .cardInPieces }

    private func confirmLater(_ bytes: Span<UInt8>) -> Range<Int>? {
        let fewest = charactersMin
        // Letters and digits from `index` on.
        var characters = fewest
        if fewest > 0 { characters = bytes.indices.count { bytes[$0].isASCIIDigit || bytes[$0].isASCIILetter } }
        var attempts = 0
        var index = 0
        while index + 1 < bytes.count, attempts < 8 {
            let previous = bytes[index]
            if fewest > 0, previous.isASCIIDigit || previous.isASCIILetter { characters -= 1 }
            guard characters >= fewest else { return nil }
            index += 1
            guard bytes[index].beginsWord(after: previous) else { continue }
            if confirms(bytes.extracting(index..<bytes.count)) { return index..<bytes.count }
            attempts += 1
        }
        return nil
    }

    /// The fewest letters and digits of what it confirms; 0 where it counts otherwise. A rest with fewer needs no look,
    /// which spares text full of numbers most of them.
    private var charactersMin: Int {
        switch self {
        case .phoneNational: 7
        case .phoneE164, .nlBSN: 8
        case .usSSN, .ukNINO, .caSIN, .auTFN, .esDNI, .ptNIF, .sgNRIC: 9
        case .ukNHS, .atSVNR, .sePersonnummer, .inPAN, .fiHetu: 10
        case .beRRN, .deSteuerID, .noFodselsnummer, .balticCode, .plPESEL, .trTCKN, .brCPF: 11
        case .inAadhaar: 12
        case .chAHV, .krRRN, .zaID: 13
        case .iban, .frNIR: 15
        case .itCodiceFiscale: 16
        case .cnResidentID, .mxCURP: 18
        default: 0
        }
    }

    /// Whether all of `candidate` is what this check is named after.
    func confirms(_ candidate: Span<UInt8>) -> Bool {
        switch self {
        case .card: Self.cardPart(of: candidate, inPieces: false) == 0..<candidate.count
        case .cardInPieces: Self.cardPart(of: candidate, inPieces: true) == 0..<candidate.count
        case .iban: Self.isIBAN(candidate)
        case .phoneE164: Self.isE164Phone(candidate)
        case .phoneNational: Self.isNationalPhone(candidate)
        case .email: Self.isEmail(candidate)
        case .ipv4: Self.isPublicIPv4(candidate)
        case .ipv6: Self.isPublicIPv6(candidate)
        case .birthDate: Self.isBirthDate(candidate)
        case .githubToken: Self.isGitHubToken(candidate)
        case .npmToken: Self.isNPMToken(candidate)
        case .gitlabRoutable: Self.isGitLabRoutableToken(candidate)
        case .grafanaToken: Self.isGrafanaToken(candidate)
        case .awsKeyID: Self.isAWSKeyID(candidate)
        case .jwt: Self.isJWT(candidate)
        case .entropy, .entropyMixed, .password, .credential, .setting, .pair, .token:
            SecretValue(candidate, in: secretPlace ?? .whole).confirms(self, candidate)
        case .urlPassword: Self.hasURLPassword(candidate)
        case .basicCredentials: Self.isBasicCredentials(candidate)
        default: confirmsNationalID(candidate)
        }
    }

    private func confirmsNationalID(_ candidate: Span<UInt8>) -> Bool {
        switch self {
        case .usSSN: Self.isUSSocialSecurityNumber(candidate)
        case .ukNINO: Self.isUKNationalInsurance(candidate)
        case .ukNHS: Self.isUKNHSNumber(candidate)
        case .caSIN: Self.isCanadianSIN(candidate)
        case .auTFN: Self.isAustralianTFN(candidate)
        case .frNIR: Self.isFrenchNIR(candidate)
        case .esDNI: Self.isSpanishDNI(candidate)
        case .ptNIF: Self.isPortugueseNIF(candidate)
        case .itCodiceFiscale: Self.isItalianCodiceFiscale(candidate)
        case .nlBSN: Self.isDutchBSN(candidate)
        case .beRRN: Self.isBelgianRRN(candidate)
        case .deSteuerID: Self.isGermanSteuerID(candidate)
        case .atSVNR: Self.isAustrianSVNR(candidate)
        case .chAHV: Self.isSwissAHV(candidate)
        case .sePersonnummer: Self.isSwedishPersonnummer(candidate)
        case .noFodselsnummer: Self.isNorwegianFodselsnummer(candidate)
        case .fiHetu: Self.isFinnishHetu(candidate)
        case .balticCode: Self.isBalticCode(candidate)
        case .plPESEL: Self.isPolishPESEL(candidate)
        case .trTCKN: Self.isTurkishTCKN(candidate)
        case .brCPF: Self.isBrazilianCPF(candidate)
        case .inAadhaar: Self.isIndianAadhaar(candidate)
        case .inPAN: Self.isIndianPAN(candidate)
        case .cnResidentID: Self.isChineseResidentID(candidate)
        case .krRRN: Self.isKoreanRRN(candidate)
        case .sgNRIC: Self.isSingaporeanNRIC(candidate)
        case .zaID: Self.isSouthAfricanID(candidate)
        case .mxCURP: Self.isMexicanCURP(candidate)
        default: false
        }
    }
}
