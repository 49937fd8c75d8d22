# SPDX-License-Identifier: ISC
#
# Install and uninstall, by operating system where its services differ.  All
# that is installed stands in one list each, so that uninstall takes back
# exactly that.  DESTDIR stands before every path and in no file's contents.

EXAMPLEDIR = ${PREFIX}/share/examples/secd
PKGDIR	= ${LIBDIR}/pkgconfig
UNITDIR	= ${PREFIX}/lib/systemd/system
PFKEYDIR = ${INCDIR}/secd/net
OBSDPFKEYDIR = ${INCDIR}/secd/openbsd/net
SYSUSERSDIR = ${PREFIX}/lib/sysusers.d
RCDIR	= ${SYSCONFDIR}/rc.d
INSTALL	= install

PATHS	= sed -e 's|/usr/local/sbin|${SBINDIR}|g' -e 's|/usr/local/lib|${LIBDIR}|g'

INSTALL_DIRS = ${SBINDIR} ${LIBDIR} ${PKGDIR} ${INCDIR} ${PFKEYDIR} \
	  ${OBSDPFKEYDIR} ${EXAMPLEDIR} ${MANDIR}/man3 ${MANDIR}/man4 \
	  ${MANDIR}/man5 ${MANDIR}/man8
INSTALL_DIRS_Linux = ${SBINDIR} ${LIBDIR}/secd ${UNITDIR} \
	  ${UNITDIR}/openiked.service.d ${SYSUSERSDIR} ${MANDIR}/man8
INSTALL_DIRS_OpenBSD = ${RCDIR}

INSTALL_FILES = ${SBINDIR}/secd ${SBINDIR}/secctl ${LIBDIR}/libesp.a \
	  ${PKGDIR}/libesp.pc ${INCDIR}/esp.h ${INCDIR}/esp_offload.h \
	  ${PFKEYDIR}/pfkeyv2.h ${OBSDPFKEYDIR}/pfkeyv2.h \
	  ${EXAMPLEDIR}/secd.conf.sample ${MANDIR}/man3/esp.3 \
	  ${MANDIR}/man3/esp_offload.3 ${MANDIR}/man4/sec.4 ${MANDIR}/man5/secd.conf.5 \
	  ${MANDIR}/man8/secctl.8 ${MANDIR}/man8/secd.8
INSTALL_FILES_Linux = ${SBINDIR}/secd-run ${LIBDIR}/secd/libsecpfkey.so \
	  ${UNITDIR}/secd.service ${UNITDIR}/openiked.service.d/secd.conf \
	  ${SYSUSERSDIR}/secd.conf ${MANDIR}/man8/secd-run.8
INSTALL_FILES_OpenBSD = ${RCDIR}/secd
OWN_DIRS = ${EXAMPLEDIR} ${LIBDIR}/secd ${UNITDIR}/openiked.service.d \
	  ${PFKEYDIR} ${OBSDPFKEYDIR} ${INCDIR}/secd/openbsd ${INCDIR}/secd

install: all install-${OS}
	for dir in ${INSTALL_DIRS}; do \
		${INSTALL} -d -m 755 "${DESTDIR}$$dir" || exit 1; \
	done
	${INSTALL} -m 755 secd/secd "${DESTDIR}${SBINDIR}/secd"
	${INSTALL} -m 755 secctl/secctl "${DESTDIR}${SBINDIR}/secctl"
	${INSTALL} -m 644 libesp/libesp.a "${DESTDIR}${LIBDIR}/libesp.a"
	sed -e 's|@PREFIX@|${PREFIX}|' -e 's|@LIBDIR@|${LIBDIR}|' \
	    -e 's|@INCDIR@|${INCDIR}|' libesp/libesp.pc.in \
	    >"${DESTDIR}${PKGDIR}/libesp.pc"
	chmod 644 "${DESTDIR}${PKGDIR}/libesp.pc"
	${INSTALL} -m 644 libesp/esp.h "${DESTDIR}${INCDIR}/esp.h"
	sed 's|"libesp/esp.h"|<esp.h>|' libesp/offload.h \
	    >"${DESTDIR}${INCDIR}/esp_offload.h"
	chmod 644 "${DESTDIR}${INCDIR}/esp_offload.h"
	${INSTALL} -m 644 etc/include/net/pfkeyv2.h \
	    "${DESTDIR}${PFKEYDIR}/pfkeyv2.h"
	${INSTALL} -m 644 etc/include/openbsd/net/pfkeyv2.h \
	    "${DESTDIR}${OBSDPFKEYDIR}/pfkeyv2.h"
	${INSTALL} -m 644 etc/secd.conf.sample \
	    "${DESTDIR}${EXAMPLEDIR}/secd.conf.sample"
	${INSTALL} -m 644 man/esp.3 "${DESTDIR}${MANDIR}/man3/esp.3"
	${INSTALL} -m 644 man/esp_offload.3 \
	    "${DESTDIR}${MANDIR}/man3/esp_offload.3"
	${INSTALL} -m 644 man/sec.4 "${DESTDIR}${MANDIR}/man4/sec.4"
	${INSTALL} -m 644 man/secd.conf.5 \
	    "${DESTDIR}${MANDIR}/man5/secd.conf.5"
	${INSTALL} -m 644 man/secctl.8 "${DESTDIR}${MANDIR}/man8/secctl.8"
	${INSTALL} -m 644 man/secd.8 "${DESTDIR}${MANDIR}/man8/secd.8"

install-Linux:
	for dir in ${INSTALL_DIRS_Linux}; do \
		${INSTALL} -d -m 755 "${DESTDIR}$$dir" || exit 1; \
	done
	${INSTALL} -m 755 shim/secd-run "${DESTDIR}${SBINDIR}/secd-run"
	${INSTALL} -m 755 shim/libsecpfkey.so \
	    "${DESTDIR}${LIBDIR}/secd/libsecpfkey.so"
	${PATHS} etc/systemd/secd.service >"${DESTDIR}${UNITDIR}/secd.service"
	chmod 644 "${DESTDIR}${UNITDIR}/secd.service"
	${PATHS} etc/systemd/openiked.service.d/secd.conf \
	    >"${DESTDIR}${UNITDIR}/openiked.service.d/secd.conf"
	chmod 644 "${DESTDIR}${UNITDIR}/openiked.service.d/secd.conf"
	${INSTALL} -m 644 etc/sysusers.d/secd.conf \
	    "${DESTDIR}${SYSUSERSDIR}/secd.conf"
	${INSTALL} -m 644 man/secd-run.8 \
	    "${DESTDIR}${MANDIR}/man8/secd-run.8"

install-OpenBSD:
	for dir in ${INSTALL_DIRS_OpenBSD}; do \
		${INSTALL} -d -m 755 "${DESTDIR}$$dir" || exit 1; \
	done
	${PATHS} etc/rc.d/secd >"${DESTDIR}${RCDIR}/secd"
	chmod 755 "${DESTDIR}${RCDIR}/secd"

# Under a DESTDIR directories that are left empty go too; on the running system
# only our own, since others may count on the rest.  One in which others have
# put something stays.
uninstall:
	for file in ${INSTALL_FILES} ${INSTALL_FILES_${OS}}; do \
		rm -f "${DESTDIR}$$file" || exit 1; \
	done
	if [ -n "${DESTDIR}" ]; then \
		cd "${DESTDIR}" || exit 1; \
		for dir in ${INSTALL_DIRS} ${INSTALL_DIRS_${OS}}; do \
			rmdir -p ".$$dir" 2>/dev/null || :; \
		done; \
	else \
		for dir in ${OWN_DIRS}; do \
			rmdir "$$dir" 2>/dev/null || :; \
		done; \
	fi

.PHONY: install install-Linux install-OpenBSD uninstall
