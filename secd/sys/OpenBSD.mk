OS_CPPFLAGS = -I/usr/local/include
OS_LIBS	= -L/usr/local/lib
OS_SECD_LIBS = -L/usr/local/lib
