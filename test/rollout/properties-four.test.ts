import { propertyTests } from './property.ts';

propertyTests(3, 4);
