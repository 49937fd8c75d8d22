/* SPDX-License-Identifier: ISC */
/*
 * Known answers for ESP: the AES-GCM cases of draft-mcgrew-gcm-test-01, and the
 * ChaCha20-Poly1305 packet of RFC 7634 appendix A.  Numbers only.
 *
 * nonce is salt (4 octets) and IV (8); pt includes the ESP trailer; ct ends in
 * the ICV.  Where esn is set the associated data hold all 64 bits of seq, on
 * the wire are the low 32.  Some end in payloads that are not IP, or have SPI
 * 0: those are cases for the cipher, not tunnel packets.
 */
#ifndef ESP_VECTORS_H
#define ESP_VECTORS_H

#include <stdint.h>

struct esp_vector {
	int		 id;
	const char	*suite;
	const char	*key;
	uint32_t	 spi;
	int		 esn;
	uint64_t	 seq;
	const char	*nonce;
	const char	*pt;
	const char	*ct;
};

static const struct esp_vector esp_vectors[] = {
	{
		.id = 1, .suite = "aes-128-gcm",
		.key =
		    "4c80cdefbb5d10da906ac73c3613a634",
		.spi = 0x00004321, .esn = 1, .seq = 0x8765432100000000ULL,
		.nonce =
		    "2e443b684956ed7e3b244cfe",
		.pt =
		    "45000048699a000080114db7c0a80102c0a801010a9bf15638d30100"
		    "0001000000000000045f736970045f75647003736970096379626572"
		    "6369747902646b000021000101020201",
		.ct =
		    "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa"
		    "13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b21e1884f5ff62"
		    "47aeabb786b93bce61bc17d768fd9732459018148f6cbe722fd04796"
		    "562dfdb4"
	},
	{
		.id = 2, .suite = "aes-128-gcm",
		.key =
		    "feffe9928665731c6d6a8f9467308308",
		.spi = 0x0000a5f8, .esn = 0, .seq = 0x0000000aULL,
		.nonce =
		    "cafebabefacedbaddecaf888",
		.pt =
		    "4500003e698f000080114dccc0a80102c0a801010a980035002a2343"
		    "b2d00100000100000000000003736970096379626572636974790264"
		    "6b00000100010001",
		.ct =
		    "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d"
		    "114d2a5c3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4"
		    "ec3b9ba95d918bd183b70d3aa8bc6ee4c309e9d85a41ad4a"
	},
	{
		.id = 3, .suite = "aes-256-gcm",
		.key =
		    "abbccddef00112233445566778899aababbccddef001122334455667"
		    "78899aab",
		.spi = 0x4a2cbfe3, .esn = 0, .seq = 0x00000002ULL,
		.nonce =
		    "112233440102030405060708",
		.pt =
		    "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0"
		    "000000007002400020bf0000020405b40101040201020201",
		.ct =
		    "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d"
		    "65a5d763748a637985771d347f0545659f14e99def842d8eb335f4ee"
		    "cfdbf831824b4c4915956c96"
	},
	{
		.id = 4, .suite = "aes-128-gcm",
		.key =
		    "00000000000000000000000000000000",
		.spi = 0x00000000, .esn = 0, .seq = 0x00000001ULL,
		.nonce =
		    "000000000000000000000000",
		.pt =
		    "4500003c99c500008001cb7a40679318010101010800075c02004400"
		    "6162636465666768696a6b6c6d6e6f70717273747576776162636465"
		    "6667686901020201",
		.ct =
		    "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdff"
		    "f5e9a284456476492719ffb64de7d9dca1e1d894bc3bd57873ed4d18"
		    "1d19d4d5c8c18af3f821d496eeb096e98ad2b69e4799c71d"
	},
	{
		.id = 5, .suite = "aes-128-gcm",
		.key =
		    "3de09874b388e6491988d0c3607eae1f",
		.spi = 0x42f67e3f, .esn = 1, .seq = 0x1010101010101010ULL,
		.nonce =
		    "57690e434e280000a2fca1a3",
		.pt =
		    "4500003c99c300008001cb7c40679318010101010800085c02004300"
		    "6162636465666768696a6b6c6d6e6f70717273747576776162636465"
		    "6667686901020201",
		.ct =
		    "fba2caa4853cf9f0f22cb10d86dd83b0fec75691cf1a04b00d1138ec"
		    "9c35791765acbd8701ad79845bf9fe3fba487bc91755e6662b4c8d0d"
		    "1f5e22739530320ae0d731cc978ecafaeae88f00e80d6e48"
	},
	{
		.id = 6, .suite = "aes-128-gcm",
		.key =
		    "3de09874b388e6491988d0c3607eae1f",
		.spi = 0x42f67e3f, .esn = 1, .seq = 0x1010101010101010ULL,
		.nonce =
		    "57690e434e280000a2fca1a3",
		.pt =
		    "4500001c42a200008001441f406793b6e00000020a00f5ff01020201",
		.ct =
		    "fba2ca845e5df9f0f22c3e6e86dd831e1fc65792cd1af9130e1379ed"
		    "369f071f35e034be95f112e4e7d05d35"
	},
	{
		.id = 7, .suite = "aes-192-gcm",
		.key =
		    "feffe9928665731c6d6a8f9467308308feffe9928665731c",
		.spi = 0x0000a5f8, .esn = 0, .seq = 0x0000000aULL,
		.nonce =
		    "cafebabefacedbaddecaf888",
		.pt =
		    "45000028a4ad4000400678800a01038f0a010612802306b8cb712602"
		    "dd6bb03e501016d075680001",
		.ct =
		    "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b"
		    "5bfbdbd0315b27452144cc7795457b9652037f5318027b5b4cd7a636"
	},
	{
		.id = 8, .suite = "aes-128-gcm",
		.key =
		    "abbccddef00112233445566778899aab",
		.spi = 0x00000100, .esn = 1, .seq = 0x0000000000000001ULL,
		.nonce =
		    "decaf888cafedebaceface74",
		.pt =
		    "4500004933ba00007f119106c3fb1d10c2b1d326c02831ce0035dd7b"
		    "800302d500004e20001e8c18d75b81dc91baa0476b91b924b280389d"
		    "92c963bac046ec959b6266c04722b14923010101",
		.ct =
		    "18a6fd42f72cbf4ab2a2ea901f73d814e3e7f243d95412e1c349c1d2"
		    "fbec168f9190feebaf2cb01984e65863965d7472b79da345e0e78019"
		    "1f0d2f0e0f496c226f2127b27db35724e7845d68651f57e65f354f75"
		    "ff17015769623436"
	},
	{
		.id = 9, .suite = "aes-256-gcm",
		.key =
		    "abbccddef00112233445566778899aababbccddef001122334455667"
		    "78899aab",
		.spi = 0x17405e67, .esn = 1, .seq = 0x156f3126dd0db99bULL,
		.nonce =
		    "73616c74616e640169766563",
		.pt =
		    "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbe"
		    "cb71260250101f646d540001",
		.ct =
		    "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a30"
		    "18d9a57ff4d3a31ce673119e451626c2415771e3b7eebca614c89b35"
	},
	{
		.id = 10, .suite = "aes-128-gcm",
		.key =
		    "3de09874b388e6491988d0c3607eae1f",
		.spi = 0x42f67e3f, .esn = 1, .seq = 0x1010101010101010ULL,
		.nonce =
		    "57690e434e280000a2fca1a3",
		.pt =
		    "45000049333e00007f119182c3fb1d10c2b1d326c02831ce0035cb45"
		    "8003025b000001e0001e8c18d65759d52284a0352c71475c8880391c"
		    "764d6e5ee0496b325ae270c03899493915010101",
		.ct =
		    "fba2cad12fc1f9f00d3cebf305410db83d7784b607323d220f24b0a9"
		    "7d54182800cadb0f68d99ef0e0c0c89ae9bea8884e52d65bc1afd074"
		    "0f742444747b5b39ab533163aad4550ee5160975cdb608c576918960"
		    "9763b8e18caa81e2"
	},
	{
		.id = 11, .suite = "aes-256-gcm",
		.key =
		    "abbccddef00112233445566778899aababbccddef001122334455667"
		    "78899aab",
		.spi = 0x17405e67, .esn = 1, .seq = 0x156f3126dd0db99bULL,
		.nonce =
		    "73616c74616e640169766563",
		.pt =
		    "636973636f0172756c657301746865016e6574776501646566696e65"
		    "01746865746563686e6f6c6f67696573017468617477696c6c016465"
		    "66696e65746f6d6f72726f7701020201",
		.ct =
		    "d4b7ed86a1777f2ea13d6973d324c69e7b43f826fb56831226508beb"
		    "d2dceb18d0a6df10e5487df074113e14c641024e3e6773d91a62ee42"
		    "9b043a10e3efe6b012a49363412364f8c0cac587f249e56b11e24f30"
		    "e44ccc76"
	},
	{
		.id = 12, .suite = "aes-128-gcm",
		.key =
		    "7d773d00c144c525ac619d18c84a3f47",
		.spi = 0x335467ae, .esn = 0, .seq = 0xffffffffULL,
		.nonce =
		    "d966426743457e9182443bc6",
		.pt =
		    "01020201",
		.ct =
		    "437f866bcb3f699fe9b0822bac961c4504bef270"
	},
	{
		.id = 13, .suite = "aes-128-gcm",
		.key =
		    "abbccddef00112233445566778899aab",
		.spi = 0x00000100, .esn = 1, .seq = 0x0000000000000001ULL,
		.nonce =
		    "decaf888cafedebaceface74",
		.pt =
		    "746f016265016f72016e6f7401746f0162650001",
		.ct =
		    "29c9fc69a197d038ccdd14e2ddfcaa0543332164412503524303ed3c"
		    "6c5f283843af8c3e"
	},
	{
		.id = 14, .suite = "aes-256-gcm",
		.key =
		    "6c6567616c697a656d6172696a75616e61616e64646f69746265666f"
		    "72656961",
		.spi = 0x796b6963, .esn = 1, .seq = 0xffffffffffffffffULL,
		.nonce =
		    "7475726e333021696765746d",
		.pt =
		    "45000030da3a00008001df3bc0a80005c0a800010800c6cd02000700"
		    "6162636465666768696a6b6c6d6e6f707172737401020201",
		.ct =
		    "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39"
		    "b49c3a864cd3d78ca4ae68a32b42458fb57dbe821dcc63b9d0937ba2"
		    "945f669368661a329fb4c053"
	},
	{
		.id = 15, .suite = "chacha20-poly1305",
		.key =
		    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b"
		    "9c9d9e9f",
		.spi = 0x01020304, .esn = 0, .seq = 0x00000005ULL,
		.nonce =
		    "a0a1a2a31011121314151617",
		.pt =
		    "45000054a6f200004001e778c6336405c000020508005b7a3a080000"
		    "553bec100007362708090a0b0c0d0e0f101112131415161718191a1b"
		    "1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
		    "01020204",
		.ct =
		    "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef"
		    "407ae5c614ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9"
		    "befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b828"
		    "29f641e076aaa8266b7fb0f7b11b369907e1ad43"
	},
};

#define ESP_NVECTORS	(sizeof(esp_vectors) / sizeof(esp_vectors[0]))

#endif /* ESP_VECTORS_H */
